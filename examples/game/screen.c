// screen.c: window, device, swapchain and frames, as any small Vulkan game has them.
#include "screen.h"

#include <SDL2/SDL_vulkan.h>
#include <stdio.h>
#include <string.h>

#define CHECK(call)                                               \
  do {                                                            \
    VkResult check_ = (call);                                     \
    if (check_ < 0) {                                             \
      fprintf(stderr, "game: %s: %d\n", #call, (int)check_);      \
      return false;                                               \
    }                                                             \
  } while (0)

static bool refuse(const char *what) {
  fprintf(stderr, "game: %s\n", what);
  return false;
}

// Debuggers, RenderDoc among them, then show names and regions: the game's and mote's.
static bool offers_debug_utils(void) {
  VkExtensionProperties offered[64];
  uint32_t count = 64;
  vkEnumerateInstanceExtensionProperties(NULL, &count, offered);
  for (uint32_t i = 0; i < count; i++)
    if (!strcmp(offered[i].extensionName, VK_EXT_DEBUG_UTILS_EXTENSION_NAME)) return true;
  return false;
}

static bool open_instance(screen *s) {
  const char *extensions[9];
  unsigned count = 8;
  if (!SDL_Vulkan_GetInstanceExtensions(s->window, &count, extensions)) return refuse(SDL_GetError());
  void *symbol = SDL_Vulkan_GetVkGetInstanceProcAddr();
  PFN_vkGetInstanceProcAddr get;
  memcpy(&get, &symbol, sizeof get);  // ISO C converts no object pointer to a function's
  volkInitializeCustom(get);
  s->debug_utils = offers_debug_utils();
  if (s->debug_utils) extensions[count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                         .pApplicationName = "room",
                                         .apiVersion = VK_API_VERSION_1_2};
  const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                     .pApplicationInfo = &application,
                                     .enabledExtensionCount = count,
                                     .ppEnabledExtensionNames = extensions};
  CHECK(vkCreateInstance(&info, NULL, &s->instance));
  volkLoadInstance(s->instance);
  return SDL_Vulkan_CreateSurface(s->window, s->instance, &s->surface) || refuse(SDL_GetError());
}

// A queue family that computes and presents, and its device: GPUs before the rest.
static bool pick_device(screen *s) {
  VkPhysicalDevice devices[16];
  uint32_t count = 16;
  CHECK(vkEnumeratePhysicalDevices(s->instance, &count, devices));
  for (int pass = 0; pass < 2 && !s->physical; pass++)
    for (uint32_t i = 0; i < count && !s->physical; i++) {
      VkPhysicalDeviceProperties properties;
      VkQueueFamilyProperties families[16];
      uint32_t family_count = 16;
      vkGetPhysicalDeviceProperties(devices[i], &properties);
      vkGetPhysicalDeviceQueueFamilyProperties(devices[i], &family_count, families);
      if (properties.apiVersion < VK_API_VERSION_1_2) continue;
      if (pass == 0 && properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU) continue;
      for (uint32_t f = 0; f < family_count; f++) {
        VkBool32 presents = VK_FALSE;
        VkQueueFlags needed = VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT;  // blits take graphics
        vkGetPhysicalDeviceSurfaceSupportKHR(devices[i], f, s->surface, &presents);
        if (!presents || (families[f].queueFlags & needed) != needed) continue;
        s->physical = devices[i];
        s->family = f;
        s->tick_microseconds = families[f].timestampValidBits ? properties.limits.timestampPeriod / 1000.0 : 0;
        fprintf(stderr, "game: %s\n", properties.deviceName);
        break;
      }
    }
  return s->physical || refuse("no Vulkan 1.2 device computes and presents to this window");
}

static bool open_device(screen *s) {
  const float priority = 1;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = s->family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  const char *extension = VK_KHR_SWAPCHAIN_EXTENSION_NAME;
  const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .enabledExtensionCount = 1,
                                   .ppEnabledExtensionNames = &extension};
  CHECK(vkCreateDevice(s->physical, &info, NULL, &s->device));
  volkLoadDevice(s->device);
  vkGetDeviceQueue(s->device, s->family, 0, &s->queue);
  return true;
}

static bool open_swapchain(screen *s) {
  VkSurfaceCapabilitiesKHR surface;
  VkSurfaceFormatKHR formats[32];
  uint32_t format_count = 32;
  CHECK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(s->physical, s->surface, &surface));
  CHECK(vkGetPhysicalDeviceSurfaceFormatsKHR(s->physical, s->surface, &format_count, formats));
  VkSurfaceFormatKHR chosen = formats[0];
  for (uint32_t i = 0; i < format_count; i++)
    if (formats[i].format == VK_FORMAT_B8G8R8A8_SRGB || formats[i].format == VK_FORMAT_R8G8B8A8_SRGB)
      chosen = formats[i];
  s->extent = surface.currentExtent;
  if (s->extent.width == UINT32_MAX) s->extent = (VkExtent2D){WORLD_WIDTH * ZOOM, WORLD_HEIGHT * ZOOM};
  if (!(surface.supportedUsageFlags & VK_IMAGE_USAGE_TRANSFER_DST_BIT)) return refuse("the window takes no copies");
  const VkSwapchainCreateInfoKHR info = {.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
                                         .surface = s->surface,
                                         .minImageCount = surface.minImageCount,
                                         .imageFormat = chosen.format,
                                         .imageColorSpace = chosen.colorSpace,
                                         .imageExtent = s->extent,
                                         .imageArrayLayers = 1,
                                         .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
                                         .preTransform = surface.currentTransform,
                                         .compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
                                         .presentMode = VK_PRESENT_MODE_FIFO_KHR,
                                         .clipped = VK_TRUE};
  CHECK(vkCreateSwapchainKHR(s->device, &info, NULL, &s->swapchain));
  s->image_count = SWAP_IMAGES;
  CHECK(vkGetSwapchainImagesKHR(s->device, s->swapchain, &s->image_count, s->images));
  const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
  for (uint32_t i = 0; i < s->image_count; i++) CHECK(vkCreateSemaphore(s->device, &semaphore, NULL, &s->rendered[i]));
  return true;
}

static bool open_frames(screen *s) {
  const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .queueFamilyIndex = s->family};
  const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
                                   .flags = VK_FENCE_CREATE_SIGNALED_BIT};
  const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
  for (int i = 0; i < FRAMES; i++) {
    frame *f = &s->frames[i];
    CHECK(vkCreateCommandPool(s->device, &pool, NULL, &f->pool));
    const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                  .commandPool = f->pool,
                                                  .commandBufferCount = 1};
    CHECK(vkAllocateCommandBuffers(s->device, &allocate, &f->commands));
    CHECK(vkCreateFence(s->device, &fence, NULL, &f->done));
    CHECK(vkCreateSemaphore(s->device, &semaphore, NULL, &f->acquired));
  }
  const VkQueryPoolCreateInfo queries = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                         .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                         .queryCount = 2 * FRAMES};
  if (s->tick_microseconds > 0) CHECK(vkCreateQueryPool(s->device, &queries, NULL, &s->queries));
  return true;
}

static bool open_world(screen *s) {
  const VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                  .imageType = VK_IMAGE_TYPE_2D,
                                  .format = VK_FORMAT_R8G8B8A8_SRGB,
                                  .extent = {WORLD_WIDTH, WORLD_HEIGHT, 1},
                                  .mipLevels = 1,
                                  .arrayLayers = 1,
                                  .samples = VK_SAMPLE_COUNT_1_BIT,
                                  .usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT};
  CHECK(vkCreateImage(s->device, &info, NULL, &s->world));
  VkMemoryRequirements needs;
  VkPhysicalDeviceMemoryProperties memory;
  vkGetImageMemoryRequirements(s->device, s->world, &needs);
  vkGetPhysicalDeviceMemoryProperties(s->physical, &memory);
  uint32_t type = 0;
  while (!(needs.memoryTypeBits >> type & 1)) type++;
  const VkMemoryAllocateInfo allocate = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size, .memoryTypeIndex = type};
  CHECK(vkAllocateMemory(s->device, &allocate, NULL, &s->world_memory));
  CHECK(vkBindImageMemory(s->device, s->world, s->world_memory, 0));
  return true;
}

bool screen_open(screen *s, const char *title) {
  memset(s, 0, sizeof *s);
  if (SDL_Init(SDL_INIT_VIDEO)) return refuse(SDL_GetError());
  s->window = SDL_CreateWindow(title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, WORLD_WIDTH * ZOOM,
                               WORLD_HEIGHT * ZOOM, SDL_WINDOW_VULKAN);
  if (!s->window) return refuse(SDL_GetError());
  return open_instance(s) && pick_device(s) && open_device(s) && open_swapchain(s) && open_frames(s) && open_world(s);
}

void screen_close(screen *s) {
  for (int i = 0; i < FRAMES && s->device; i++) {
    vkDestroySemaphore(s->device, s->frames[i].acquired, NULL);
    vkDestroyFence(s->device, s->frames[i].done, NULL);
    vkDestroyCommandPool(s->device, s->frames[i].pool, NULL);
  }
  if (s->device) {
    for (uint32_t i = 0; i < s->image_count; i++) vkDestroySemaphore(s->device, s->rendered[i], NULL);
    vkDestroyQueryPool(s->device, s->queries, NULL);
    vkDestroyImage(s->device, s->world, NULL);
    vkFreeMemory(s->device, s->world_memory, NULL);
    vkDestroySwapchainKHR(s->device, s->swapchain, NULL);
    vkDestroyDevice(s->device, NULL);
  }
  if (s->surface) vkDestroySurfaceKHR(s->instance, s->surface, NULL);
  if (s->instance) vkDestroyInstance(s->instance, NULL);
  if (s->window) SDL_DestroyWindow(s->window);
  SDL_Quit();
}

// ---------------------------------------------------------------------------------------------------------------------
// Frames

// Moves an image, whose writes so far were transfers, from one layout to another.
static void move_image(VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to) {
  const VkImageMemoryBarrier barrier = {
      .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
      .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
      .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
      .oldLayout = from,
      .newLayout = to,
      .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
      .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
      .image = image,
      .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
  vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1,
                       &barrier);
}

static double read_time(const screen *s, uint32_t slot) {
  uint64_t ticks[2];
  if (vkGetQueryPoolResults(s->device, s->queries, 2 * slot, 2, sizeof ticks, ticks, sizeof *ticks,
                            VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
    return -1;
  return (double)(ticks[1] - ticks[0]) * s->tick_microseconds;
}

frame *screen_begin(screen *s, double *spent) {
  uint32_t slot = (uint32_t)(s->frame_number % FRAMES);
  frame *f = &s->frames[slot];
  *spent = -1;
  if (vkWaitForFences(s->device, 1, &f->done, VK_TRUE, UINT64_MAX) != VK_SUCCESS) return NULL;
  if (f->timed) *spent = read_time(s, slot);
  f->timed = false;
  VkResult result = vkAcquireNextImageKHR(s->device, s->swapchain, UINT64_MAX, f->acquired, VK_NULL_HANDLE, &s->image);
  if (result < 0) return NULL;
  vkResetFences(s->device, 1, &f->done);
  vkResetCommandPool(s->device, f->pool, 0);
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                          .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  return vkBeginCommandBuffer(f->commands, &begin) < 0 ? NULL : f;
}

static void write_time(screen *s, frame *f, uint32_t which) {
  // Everything before is done when the time is taken, as a full barrier waits for it.
  const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  vkCmdPipelineBarrier(f->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1,
                       &barrier, 0, NULL, 0, NULL);
  vkCmdWriteTimestamp(f->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, s->queries,
                      2 * (uint32_t)(f - s->frames) + which);
}

void screen_time_start(screen *s, frame *f) {
  const VkDebugUtilsLabelEXT label = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT, .pLabelName = "sprites"};
  if (s->debug_utils) vkCmdBeginDebugUtilsLabelEXT(f->commands, &label);
  if (!s->queries) return;
  vkCmdResetQueryPool(f->commands, s->queries, 2 * (uint32_t)(f - s->frames), 2);
  write_time(s, f, 0);
}

void screen_time_stop(screen *s, frame *f) {
  if (s->debug_utils) vkCmdEndDebugUtilsLabelEXT(f->commands);
  if (!s->queries) return;
  write_time(s, f, 1);
  f->timed = true;
}

static VkImageBlit blit_of(const screen *s, const stamp *stamp) {
  int width = (int)s->extent.width, height = (int)s->extent.height;
  return (VkImageBlit){
      .srcSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
      .srcOffsets = {{stamp->from_x, stamp->from_y, 0}, {stamp->from_x + stamp->size, stamp->from_y + stamp->size, 1}},
      .dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
      .dstOffsets = {{stamp->to_x * width / WORLD_WIDTH, stamp->to_y * height / WORLD_HEIGHT, 0},
                     {(stamp->to_x + stamp->size) * width / WORLD_WIDTH,
                      (stamp->to_y + stamp->size) * height / WORLD_HEIGHT, 1}}};
}

bool screen_end(screen *s, frame *f, const stamp *stamps, int stamp_count) {
  VkImage target = s->images[s->image];
  const VkImageBlit all = {.srcSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                           .srcOffsets = {{0, 0, 0}, {WORLD_WIDTH, WORLD_HEIGHT, 1}},
                           .dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                           .dstOffsets = {{0, 0, 0}, {(int)s->extent.width, (int)s->extent.height, 1}}};
  move_image(f->commands, target, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
  vkCmdBlitImage(f->commands, s->world, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, target,
                 VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &all, VK_FILTER_NEAREST);
  for (int i = 0; i < stamp_count; i++) {
    VkImageBlit blit = blit_of(s, &stamps[i]);
    move_image(f->commands, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdBlitImage(f->commands, s->world, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, target,
                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &blit, VK_FILTER_NEAREST);
  }
  move_image(f->commands, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
  CHECK(vkEndCommandBuffer(f->commands));
  const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
  const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .waitSemaphoreCount = 1,
                               .pWaitSemaphores = &f->acquired,
                               .pWaitDstStageMask = &stage,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &f->commands,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &s->rendered[s->image]};
  CHECK(vkQueueSubmit(s->queue, 1, &submit, f->done));
  const VkPresentInfoKHR present = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
                                    .waitSemaphoreCount = 1,
                                    .pWaitSemaphores = &s->rendered[s->image],
                                    .swapchainCount = 1,
                                    .pSwapchains = &s->swapchain,
                                    .pImageIndices = &s->image};
  CHECK(vkQueuePresentKHR(s->queue, &present));
  s->frame_number++;
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// The world's first pixels

static bool fill_staging(screen *s, VkBuffer *buffer, VkDeviceMemory *memory, const uint8_t *rgba) {
  const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                   .size = WORLD_WIDTH * WORLD_HEIGHT * 4,
                                   .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT};
  CHECK(vkCreateBuffer(s->device, &info, NULL, buffer));
  VkMemoryRequirements needs;
  VkPhysicalDeviceMemoryProperties types;
  vkGetBufferMemoryRequirements(s->device, *buffer, &needs);
  vkGetPhysicalDeviceMemoryProperties(s->physical, &types);
  const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  uint32_t type = 0;
  while (!(needs.memoryTypeBits >> type & 1) || (types.memoryTypes[type].propertyFlags & host) != host) type++;
  const VkMemoryAllocateInfo allocate = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size, .memoryTypeIndex = type};
  void *mapped;
  CHECK(vkAllocateMemory(s->device, &allocate, NULL, memory));
  CHECK(vkBindBufferMemory(s->device, *buffer, *memory, 0));
  CHECK(vkMapMemory(s->device, *memory, 0, VK_WHOLE_SIZE, 0, &mapped));
  memcpy(mapped, rgba, WORLD_WIDTH * WORLD_HEIGHT * 4);
  return true;
}

static bool copy_to_world(screen *s, VkBuffer buffer) {
  VkCommandBuffer commands = s->frames[0].commands;
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  const VkBufferImageCopy region = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                    .imageExtent = {WORLD_WIDTH, WORLD_HEIGHT, 1}};
  CHECK(vkQueueWaitIdle(s->queue));
  CHECK(vkResetCommandPool(s->device, s->frames[0].pool, 0));
  CHECK(vkBeginCommandBuffer(commands, &begin));
  move_image(commands, s->world, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
  vkCmdCopyBufferToImage(commands, buffer, s->world, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
  move_image(commands, s->world, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
  CHECK(vkEndCommandBuffer(commands));
  const VkSubmitInfo submit = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
  CHECK(vkQueueSubmit(s->queue, 1, &submit, VK_NULL_HANDLE));
  CHECK(vkQueueWaitIdle(s->queue));
  return true;
}

bool screen_upload(screen *s, const uint8_t *rgba) {
  VkBuffer buffer = VK_NULL_HANDLE;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  bool done = fill_staging(s, &buffer, &memory, rgba) && copy_to_world(s, buffer);
  vkDestroyBuffer(s->device, buffer, NULL);
  vkFreeMemory(s->device, memory, NULL);
  return done;
}

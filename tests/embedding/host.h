// host.h: a program with a Vulkan device of its own, as a game has, for tests: its loader is its own copy of volk.
#ifndef MOTE_TESTS_EMBEDDING_HOST_H
#define MOTE_TESTS_EMBEDDING_HOST_H

#include <volk.h>

#include "mote_vulkan.h"

#include "tests/support.h"

#define VK_MUST(call)                                           \
  do {                                                          \
    VkResult result_ = (call);                                  \
    if (result_ < 0) fail_msg("%s: %d", #call, (int)result_);   \
  } while (0)

typedef struct host {
  VkInstance instance;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  uint32_t family;
  VkCommandPool pool;
  VkCommandBuffer commands;
  VkFence fence;
} host;

static inline VkPhysicalDevice host_pick(VkInstance instance) {
  VkPhysicalDevice all[16];
  uint32_t count = 16;
  const char *select = getenv("MOTE_TEST_DEVICE");
  VK_MUST(vkEnumeratePhysicalDevices(instance, &count, all));
  for (uint32_t i = 0; i < count && select; i++) {
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(all[i], &properties);
    if (strstr(properties.deviceName, select)) return all[i];
  }
  assert_true(count > 0);
  return all[0];
}

static inline host host_open(void) {
  host h = {0};
  VK_MUST(volkInitialize());
  const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                         .apiVersion = VK_API_VERSION_1_2};
  const VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                         .pApplicationInfo = &application};
  VK_MUST(vkCreateInstance(&instance, NULL, &h.instance));
  volkLoadInstance(h.instance);
  h.physical = host_pick(h.instance);
  VkQueueFamilyProperties families[16];
  uint32_t count = 16;
  vkGetPhysicalDeviceQueueFamilyProperties(h.physical, &count, families);
  while (h.family + 1 < count && !(families[h.family].queueFlags & VK_QUEUE_COMPUTE_BIT)) h.family++;
  const float priority = 1;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = h.family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  const VkPhysicalDeviceVulkan12Features features = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .timelineSemaphore = VK_TRUE};
  const VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue};
  VK_MUST(vkCreateDevice(h.physical, &device, NULL, &h.device));
  vkGetDeviceQueue(h.device, h.family, 0, &h.queue);
  const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                        .queueFamilyIndex = h.family};
  VK_MUST(vkCreateCommandPool(h.device, &pool, NULL, &h.pool));
  const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = h.pool,
                                                .commandBufferCount = 1};
  VK_MUST(vkAllocateCommandBuffers(h.device, &allocate, &h.commands));
  const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  VK_MUST(vkCreateFence(h.device, &fence, NULL, &h.fence));
  return h;
}

static inline void host_close(host *h) {
  VK_MUST(vkDeviceWaitIdle(h->device));
  vkDestroyFence(h->device, h->fence, NULL);
  vkDestroyCommandPool(h->device, h->pool, NULL);
  vkDestroyDevice(h->device, NULL);
  vkDestroyInstance(h->instance, NULL);
}

static inline mote_device_adopt_desc host_desc(const host *h) {
  return (mote_device_adopt_desc){.instance = h->instance,
                                  .api_version = VK_API_VERSION_1_2,
                                  .physical_device = h->physical,
                                  .device = h->device,
                                  .queue = h->queue,
                                  .queue_family = h->family,
                                  .get_instance_proc_addr = vkGetInstanceProcAddr};
}

static inline mote_device *host_adopt(const host *h) {
  mote_error error = {0};
  mote_device *device;
  const mote_device_adopt_desc desc = host_desc(h);
  MUST(mote_device_adopt(&desc, &device, &error));
  return device;
}

static inline VkCommandBuffer host_begin(const host *h) {
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                          .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  VK_MUST(vkBeginCommandBuffer(h->commands, &begin));
  return h->commands;
}

static inline void host_submit(const host *h) {
  VK_MUST(vkEndCommandBuffer(h->commands));
  const VkSubmitInfo submit = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &h->commands};
  VK_MUST(vkQueueSubmit(h->queue, 1, &submit, h->fence));
  VK_MUST(vkWaitForFences(h->device, 1, &h->fence, VK_TRUE, UINT64_MAX));
  VK_MUST(vkResetFences(h->device, 1, &h->fence));
}

static inline VkDeviceMemory host_allocate(const host *h, VkMemoryRequirements needs, VkMemoryPropertyFlags flags) {
  VkPhysicalDeviceMemoryProperties memory;
  vkGetPhysicalDeviceMemoryProperties(h->physical, &memory);
  uint32_t type = 0;
  while (!(needs.memoryTypeBits >> type & 1) || (memory.memoryTypes[type].propertyFlags & flags) != flags) type++;
  assert_true(type < memory.memoryTypeCount);
  const VkMemoryAllocateInfo info = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size, .memoryTypeIndex = type};
  VkDeviceMemory made;
  VK_MUST(vkAllocateMemory(h->device, &info, NULL, &made));
  return made;
}

typedef struct host_buffer {
  VkBuffer handle;
  VkDeviceMemory memory;
  uint8_t *bytes;
} host_buffer;

static inline host_buffer host_buffer_make(const host *h, size_t bytes) {
  host_buffer b;
  const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                   .size = bytes,
                                   .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT};
  VkMemoryRequirements needs;
  VK_MUST(vkCreateBuffer(h->device, &info, NULL, &b.handle));
  vkGetBufferMemoryRequirements(h->device, b.handle, &needs);
  b.memory = host_allocate(h, needs, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
  VK_MUST(vkBindBufferMemory(h->device, b.handle, b.memory, 0));
  void *mapped;
  VK_MUST(vkMapMemory(h->device, b.memory, 0, VK_WHOLE_SIZE, 0, &mapped));
  b.bytes = mapped;
  return b;
}

static inline void host_buffer_free(const host *h, host_buffer *b) {
  vkDestroyBuffer(h->device, b->handle, NULL);
  vkFreeMemory(h->device, b->memory, NULL);
}

typedef struct host_image {
  VkImage handle;
  VkDeviceMemory memory;
  uint32_t width, layers;
} host_image;

static inline host_image host_image_make(const host *h, VkFormat format, uint32_t width, uint32_t layers) {
  host_image image = {.width = width, .layers = layers};
  const VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                  .imageType = VK_IMAGE_TYPE_2D,
                                  .format = format,
                                  .extent = {width, width, 1},
                                  .mipLevels = 1,
                                  .arrayLayers = layers,
                                  .samples = VK_SAMPLE_COUNT_1_BIT,
                                  .usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT};
  VkMemoryRequirements needs;
  VK_MUST(vkCreateImage(h->device, &info, NULL, &image.handle));
  vkGetImageMemoryRequirements(h->device, image.handle, &needs);
  image.memory = host_allocate(h, needs, 0);
  VK_MUST(vkBindImageMemory(h->device, image.handle, image.memory, 0));
  return image;
}

static inline void host_image_free(const host *h, host_image *image) {
  vkDestroyImage(h->device, image->handle, NULL);
  vkFreeMemory(h->device, image->memory, NULL);
}

// From VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, layer after layer.
static inline void host_image_copy(const host *h, const host_image *image, const host_buffer *to) {
  const VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, image->layers},
                                  .imageExtent = {image->width, image->width, 1}};
  vkCmdCopyImageToBuffer(h->commands, image->handle, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to->handle, 1, &copy);
}

// Makes every pixel `grey` and leaves the image in VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL.
static inline void host_image_clear(const host *h, const host_image *image, float grey) {
  VkImageMemoryBarrier barrier = {
      .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
      .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
      .newLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
      .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
      .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
      .image = image->handle,
      .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, image->layers}};
  vkCmdPipelineBarrier(h->commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0,
                       NULL, 1, &barrier);
  const VkClearColorValue colour = {.float32 = {grey, grey, grey, grey}};
  vkCmdClearColorImage(h->commands, image->handle, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &colour, 1,
                       &barrier.subresourceRange);
  barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
  barrier.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
  barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
  barrier.newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
  vkCmdPipelineBarrier(h->commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0,
                       NULL, 1, &barrier);
}

#endif

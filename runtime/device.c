// device.c: instance, logical device, validation messages, and submission.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/text.h"
#include "runtime/vulkan.h"

static const char *result_name(VkResult result) {
  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
    case VK_ERROR_OUT_OF_POOL_MEMORY: return "out of pool memory";
    case VK_ERROR_INITIALIZATION_FAILED: return "initialization failed";
    case VK_ERROR_DEVICE_LOST: return "device lost";
    case VK_ERROR_LAYER_NOT_PRESENT: return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "incompatible driver";
    case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
    case VK_ERROR_FRAGMENTED_POOL: return "fragmented pool";
    default: return "VkResult";
  }
}

mote_status check_result(mote_error *error, VkResult result, const char *call) {
  if (result >= 0) return MOTE_OK;
  mote_status status = MOTE_ERROR_DEVICE;
  if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
      result == VK_ERROR_OUT_OF_POOL_MEMORY)
    status = MOTE_ERROR_MEMORY;
  if (result == VK_ERROR_DEVICE_LOST) status = MOTE_ERROR_DEVICE_LOST;
  int length = (int)strcspn(call, "("), start = length;  // of "device->vk.vkQueueSubmit(...)" the function's own name
  while (start > 0 && call[start - 1] != '.' && call[start - 1] != '>') start--;
  return fail(error, status, "%.*s: %s (%d)", length - start, call + start, result_name(result), result);
}

void mote_free(void *memory) { free(memory); }
const char *mote_version(void) { return MOTE_VERSION; }

void device_log(const mote_device *device, const char *format, ...) {
  if (!device->log) return;
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  text_show_format(message, sizeof message, format, arguments);
  va_end(arguments);
  device->log(device->log_user, message);
}

const device_caps *device_get_caps(const mote_device *device) { return &device->caps; }
void device_prefer_kernels(mote_device *device, const char *names) { device->caps.kernel_names = names; }
const mote_device_info *mote_device_get_info(const mote_device *device) { return &device->info; }
mote_device_counters mote_device_get_counters(const mote_device *device) { return device->counters; }

// ---------------------------------------------------------------------------------------------------------------------
// Instance

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
  mote_device *device = user;
  (void)severity;
  if (!(type & VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT)) return VK_FALSE;
  if (!atomic_exchange(&device->validation_told, true))
    snprintf(device->validation_message, sizeof device->validation_message, "%s", data->pMessage);
  return VK_FALSE;
}

static bool has_instance_extension(const global_functions *vk, const char *name) {
  uint32_t count = 0;
  vk->vkEnumerateInstanceExtensionProperties(NULL, &count, NULL);
  VkExtensionProperties *extensions = calloc(count + 1, sizeof *extensions);
  bool found = false;
  if (extensions && vk->vkEnumerateInstanceExtensionProperties(NULL, &count, extensions) >= 0)
    for (uint32_t i = 0; i < count; i++) found |= strcmp(extensions[i].extensionName, name) == 0;
  free(extensions);
  return found;
}

// Opens the loader and makes `device` its instance and, with validation, the messenger.
static mote_status create_instance(const mote_device_desc *desc, mote_device *device, mote_error *error) {
  PFN_vkGetInstanceProcAddr get = loader_open();
  global_functions vk;
  if (!get || load_global(get, &vk))
    return fail(error, MOTE_ERROR_DEVICE,
                "no Vulkan loader found (libvulkan.so.1): install it (on Debian, libvulkan1) and a driver");
  const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                         .pApplicationName = "mote",
                                         .pEngineName = "mote",
                                         .apiVersion = VK_API_VERSION_1_2};
  VkValidationFeatureEnableEXT enables[] = {VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,
                                            VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT};
  const VkDebugUtilsMessengerCreateInfoEXT messenger = {
      .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
      .messageSeverity =
          VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
      .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
      .pfnUserCallback = on_message,
      .pUserData = device};
  const VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                            .pNext = &messenger,
                                            .enabledValidationFeatureCount = desc->separate_buffers ? 2 : 1,
                                            .pEnabledValidationFeatures = enables};
  const char *extensions[3];
  uint32_t extension_count = 0;
  bool debug_utils = has_instance_extension(&vk, VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  if (debug_utils) extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  if (desc->validation) extensions[extension_count++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
  // Without it a loader hides drivers that stand on another API, such as MoltenVK.
  bool portability = has_instance_extension(&vk, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
  if (portability) extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
  const char *layer = "VK_LAYER_KHRONOS_validation";
  const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                     .pNext = desc->validation ? &features : NULL,
                                     .flags = portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
                                     .pApplicationInfo = &application,
                                     .enabledLayerCount = desc->validation,
                                     .ppEnabledLayerNames = &layer,
                                     .enabledExtensionCount = extension_count,
                                     .ppEnabledExtensionNames = extensions};
  VkResult result = vk.vkCreateInstance(&info, NULL, &device->instance);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
    return fail(error, MOTE_ERROR_DEVICE,
                "no Vulkan driver found: install one (on Debian, mesa-vulkan-drivers brings a CPU one); if "
                "VK_DRIVER_FILES is set, it must name a driver's .json file");
  if (result == VK_ERROR_LAYER_NOT_PRESENT)
    return fail(error, MOTE_ERROR_DEVICE,
                "validation asked for, but VK_LAYER_KHRONOS_validation is not installed (on Debian, "
                "vulkan-validationlayers)");
  TRY(check_result(error, result, "vkCreateInstance"));
  const char *missing = load_instance(get, device->instance, &device->instance_vk);
  if (missing) return fail(error, MOTE_ERROR_DEVICE, "the Vulkan loader has no %s: Vulkan 1.2 is needed", missing);
  device->debug_utils = debug_utils;
  if (desc->validation && debug_utils)
    return CHECK(error, device->instance_vk.vkCreateDebugUtilsMessengerEXT(device->instance, &messenger, NULL,
                                                                           &device->messenger));
  return MOTE_OK;
}

mote_status mote_device_list(mote_device_info **infos, size_t *count, mote_error *error) {
  if (infos) *infos = NULL;
  ENTER(error, infos, count);
  *count = 0;
  mote_device *lister = calloc(1, sizeof *lister);  // an instance and no device
  if (!lister) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  VkPhysicalDevice *physicals = NULL;
  uint32_t found = 0, chosen = 0;
  mote_status status = create_instance(&(mote_device_desc){0}, lister, error);
  if (!status)
    status = device_describe_all(&lister->instance_vk, lister->instance, NULL, &physicals, infos, &found, &chosen,
                                 error);
  if (!status) *count = found;
  free(physicals);
  mote_device_destroy(&lister);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Device

static mote_status pick_physical(mote_device *device, const char *select, mote_error *error) {
  VkPhysicalDevice *physicals;
  mote_device_info *infos;
  uint32_t count, chosen;
  TRY(device_describe_all(&device->instance_vk, device->instance, select, &physicals, &infos, &count, &chosen, error));
  mote_status status = MOTE_OK;
  if (chosen < count) {
    device->physical = physicals[chosen];
    device->info = infos[chosen];
  } else {
    char names[300] = "";
    for (uint32_t i = 0; i < count && strlen(names) < sizeof names - 90; i++)
      snprintf(names + strlen(names), sizeof names - strlen(names), "%s%u '%.60s'", i ? ", " : "", i, infos[i].name);
    status = fail(error, MOTE_ERROR_DEVICE, "no usable Vulkan device %s%s%s; there is %s", select ? "matches '" : "found",
                  select ? select : "", select ? "'" : "", names);
  }
  free(physicals);
  free(infos);
  return status;
}

// On CPU drivers texel reads are fast and shared memory is not; GPUs are the other way round.
mote_status device_read_caps(mote_device *device, const mote_device_desc *desc, mote_error *error) {
  if ((unsigned)desc->kernels > MOTE_KERNELS_MATRIX)
    return fail(error, MOTE_ERROR_USAGE, "kernels is %d, expected one of mote_kernels", (int)desc->kernels);
  if ((unsigned)desc->tune > MOTE_TUNE_FULL)
    return fail(error, MOTE_ERROR_USAGE, "tune is %d, expected one of mote_tune", (int)desc->tune);
  VkPhysicalDeviceMaintenance3Properties pieces = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
  VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &pieces};
  device->instance_vk.vkGetPhysicalDeviceProperties2(device->physical, &properties);
  device->instance_vk.vkGetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
  const VkPhysicalDeviceLimits *limits = &properties.properties.limits;
  device->max_allocation_bytes = pieces.maxMemoryAllocationSize;
  device->tells_budget = physical_has_extension(&device->instance_vk, device->physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  size_t alignment = 64;  // a cache line, so that neighbouring tensors share none
  if (limits->minStorageBufferOffsetAlignment > alignment) alignment = limits->minStorageBufferOffsetAlignment;
  if (limits->minTexelBufferOffsetAlignment > alignment) alignment = limits->minTexelBufferOffsetAlignment;
  device->timestamp_period = limits->timestampPeriod;
  device->memory_limit = desc->memory_limit;
  bool cpu = device->info.type == MOTE_DEVICE_CPU;
  device->mapped = (cpu || device->info.type == MOTE_DEVICE_INTEGRATED) && !desc->staging;
  device->caps = (device_caps){
      .kernels = desc->plain_kernels ? MOTE_KERNELS_PLAIN
                 : desc->kernels     ? desc->kernels
                 : cpu               ? MOTE_KERNELS_TEXEL
                                     : MOTE_KERNELS_TILED,
      .any_kernels = !desc->plain_kernels && !desc->kernels,
      .cooperative = desc->kernels == MOTE_KERNELS_MATRIX && device->info.cooperative_matrix,
      .separate_buffers = desc->separate_buffers,
      .subgroup_shuffle = device->info.subgroup_shuffle,
      .subgroup_size = device->info.subgroup_size,
      .max_invocations = device->info.max_invocations < limits->maxComputeWorkGroupSize[0]
                             ? device->info.max_invocations
                             : limits->maxComputeWorkGroupSize[0],
      .max_binding_bytes = desc->binding_limit && desc->binding_limit < limits->maxStorageBufferRange ? desc->binding_limit
                                                                                                      : limits->maxStorageBufferRange,
      .max_texel_elements = limits->maxTexelBufferElements,
      .max_storage_buffers = limits->maxPerStageDescriptorStorageBuffers,
      .max_texel_buffers = limits->maxPerStageDescriptorStorageImages,
      .alignment = alignment,
  };
  memcpy(device->caps.max_groups, limits->maxComputeWorkGroupCount, sizeof device->caps.max_groups);
  return MOTE_OK;
}

static mote_status create_handle(mote_device *device, mote_error *error) {
  VkQueueFamilyProperties families[32];
  uint32_t count = 32;
  device->instance_vk.vkGetPhysicalDeviceQueueFamilyProperties(device->physical, &count, families);
  while (device->queue_family < count && !(families[device->queue_family].queueFlags & VK_QUEUE_COMPUTE_BIT))
    device->queue_family++;
  device->timestamp_bits = families[device->queue_family].timestampValidBits;
  const float priority = 1;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = device->queue_family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  const char *extensions[COOPERATIVE_EXTENSION_COUNT + 1] = COOPERATIVE_EXTENSIONS;
  cooperative_features features;
  bool cooperative = device->caps.cooperative;
  uint32_t extension_count = cooperative ? COOPERATIVE_EXTENSION_COUNT : 0;
  // A driver that stands on another API says so by this extension, which then must be enabled.
  const char *subset = "VK_KHR_portability_subset";
  if (physical_has_extension(&device->instance_vk, device->physical, subset)) extensions[extension_count++] = subset;
  const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .pNext = cooperative ? cooperative_chain(&features, VK_TRUE) : NULL,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .enabledExtensionCount = extension_count,
                                   .ppEnabledExtensionNames = extensions};
  TRY(CHECK(error, device->instance_vk.vkCreateDevice(device->physical, &info, NULL, &device->handle)));
  const char *missing = load_device(device->instance_vk.vkGetDeviceProcAddr, device->handle, &device->vk);
  if (missing) return fail(error, MOTE_ERROR_DEVICE, "%s has no %s", device->info.name, missing);
  device->vk.vkGetDeviceQueue(device->handle, device->queue_family, 0, &device->queue);
  return MOTE_OK;
}

// The command buffer that ends every submission: what the device wrote becomes visible to the host.
mote_status device_create_submission(mote_device *device, mote_error *error) {
  TRY(buffer_find_heap(device, error));
  const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .queueFamilyIndex = device->queue_family};
  TRY(CHECK(error, device->vk.vkCreateCommandPool(device->handle, &pool, device->allocator, &device->pool)));
  const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  TRY(CHECK(error, device->vk.vkCreateFence(device->handle, &fence, device->allocator, &device->fence)));
  const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = device->pool,
                                                .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                .commandBufferCount = 1};
  TRY(CHECK(error, device->vk.vkAllocateCommandBuffers(device->handle, &allocate, &device->to_host)));
  device_name_object(device, VK_OBJECT_TYPE_COMMAND_BUFFER, (uint64_t)(uintptr_t)device->to_host, "visible to the host");
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  TRY(CHECK(error, device->vk.vkBeginCommandBuffer(device->to_host, &begin)));
  const VkMemoryBarrier barrier = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
      .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
      .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT |
                       VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
  const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  device->vk.vkCmdPipelineBarrier(device->to_host, stages, stages | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0,
                                  NULL, 0, NULL);
  return CHECK(error, device->vk.vkEndCommandBuffer(device->to_host));
}

mote_status mote_device_create(const mote_device_desc *desc, mote_device **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, out);
  static const mote_device_desc defaults = {0};
  if (!desc) desc = &defaults;
  mote_device *device = calloc(1, sizeof *device);
  if (!device) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  device->log = desc->log;
  device->log_user = desc->log_user;
  device->parallel = desc->parallel;
  device->parallel_user = desc->parallel_user;
  device->tune = desc->tune;
  mote_status status;
  TRY_GOTO(failed, create_instance(desc, device, error));
  TRY_GOTO(failed, pick_physical(device, desc->select, error));
  TRY_GOTO(failed, device_read_caps(device, desc, error));
  TRY_GOTO(failed, create_handle(device, error));
  TRY_GOTO(failed, device_create_submission(device, error));
  TRY_GOTO(failed, pipeline_cache_create(device, desc->cache_directory, error));
  TRY_GOTO(failed, tuning_create(device, desc->cache_directory, error));
  TRY_GOTO(failed, device_check_validation(device, error));
  *out = device;
  return MOTE_OK;
failed:
  mote_device_destroy(&device);
  return status;
}

static void destroy_instance(mote_device *device) {
  const instance_functions *vk = &device->instance_vk;
  if (device->validation_message[0]) device_log(device, "validation: %s", device->validation_message);
  if (device->messenger) vk->vkDestroyDebugUtilsMessengerEXT(device->instance, device->messenger, NULL);
  if (device->instance && vk->vkDestroyInstance) vk->vkDestroyInstance(device->instance, NULL);
}

void mote_device_destroy(mote_device **pointer) {
  mote_device *device = *pointer;
  *pointer = NULL;
  if (!device) return;
  bool ready = device->vk.vkDestroyDevice != NULL;
  if (ready && !device->adopted) device->vk.vkDeviceWaitIdle(device->handle);
  if (ready) {
    pipeline_destroy_all(device);
    pipeline_cache_destroy(device);
    tuning_destroy(device);
    device->vk.vkDestroyFence(device->handle, device->fence, device->allocator);
    device->vk.vkDestroyCommandPool(device->handle, device->pool, device->allocator);
  }
  if (ready && !device->adopted) device->vk.vkDestroyDevice(device->handle, device->allocator);
  if (!device->adopted) destroy_instance(device);
  free(device);
}

mote_status device_check_validation(mote_device *device, mote_error *error) {
  if (!device->validation_message[0]) return MOTE_OK;
  mote_status status = fail(error, MOTE_ERROR_DEVICE, "validation: %s", device->validation_message);
  device->validation_message[0] = 0;
  atomic_store(&device->validation_told, false);
  return status;
}

void device_name_object(mote_device *device, VkObjectType type, uint64_t handle, const char *name) {
  if (!device->debug_utils || !device->instance_vk.vkSetDebugUtilsObjectNameEXT) return;
  const VkDebugUtilsObjectNameInfoEXT info = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
                                              .objectType = type,
                                              .objectHandle = handle,
                                              .pObjectName = name};
  device->instance_vk.vkSetDebugUtilsObjectNameEXT(device->handle, &info);
}

// ---------------------------------------------------------------------------------------------------------------------
// Submission

// After a wait that failed the work may still run on memory that the caller is about to free: goes on until the fence is known
// to be signalled. A device that is lost, or that answers nothing any more, is given a second.
static VkResult settle(mote_device *device, VkResult failed) {
  enum { MOST_FAILURES = 1000 };
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int failures = 0; failures < MOST_FAILURES; nanosleep(&pause, NULL)) {
    VkResult result = device->vk.vkGetFenceStatus(device->handle, device->fence);
    if (result != VK_SUCCESS && result != VK_NOT_READY) result = device->vk.vkQueueWaitIdle(device->queue);
    if (result == VK_SUCCESS || result == VK_ERROR_DEVICE_LOST) return failed;
    failures += result != VK_NOT_READY || failed == VK_ERROR_DEVICE_LOST;
  }
  return VK_ERROR_DEVICE_LOST;
}

mote_status device_submit(mote_device *device, const VkCommandBuffer *buffers, uint32_t count, mote_error *error) {
  const VkSubmitInfo submits[] = {
      {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = count, .pCommandBuffers = buffers},
      {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &device->to_host}};
  TRY(CHECK(error, device->vk.vkResetFences(device->handle, 1, &device->fence)));
  TRY(CHECK(error, device->vk.vkQueueSubmit(device->queue, 2, submits, device->fence)));
  device->counters.submissions++;
  VkResult result = device->vk.vkWaitForFences(device->handle, 1, &device->fence, VK_TRUE, UINT64_MAX);
  if (result != VK_SUCCESS) result = settle(device, result);
  TRY(check_result(error, result, "vkWaitForFences"));
  return device_check_validation(device, error);
}

mote_status device_begin_once(mote_device *device, VkCommandBuffer *out, mote_error *error) {
  const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = device->pool,
                                                .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                .commandBufferCount = 1};
  TRY(CHECK(error, device->vk.vkAllocateCommandBuffers(device->handle, &allocate, out)));
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                          .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  device->counters.commands_begun++;
  mote_status status = CHECK(error, device->vk.vkBeginCommandBuffer(*out, &begin));
  if (status) device->vk.vkFreeCommandBuffers(device->handle, device->pool, 1, out);
  return status;
}

mote_status device_end_once(mote_device *device, VkCommandBuffer commands, mote_error *error) {
  mote_status status = CHECK(error, device->vk.vkEndCommandBuffer(commands));
  if (!status) status = device_submit(device, &commands, 1, error);
  device->vk.vkFreeCommandBuffers(device->handle, device->pool, 1, &commands);
  return status;
}

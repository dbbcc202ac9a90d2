// adopt.c: a mote_device on the host's Vulkan device.
#include <stdlib.h>
#include <string.h>

#include "runtime/vulkan.h"

static mote_status check_desc(const mote_device_adopt_desc *desc, mote_error *error) {
  const struct {
    bool given;
    const char *name;
  } needed[] = {{desc->instance, "instance"},
                {desc->physical_device, "physical_device"},
                {desc->device, "device"},
                {desc->queue, "queue"},
                {desc->get_instance_proc_addr, "get_instance_proc_addr"}};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (!needed[i].given) return fail(error, MOTE_ERROR_USAGE, "mote_device_adopt_desc: %s is not set", needed[i].name);
  if (!desc->api_version)
    return fail(error, MOTE_ERROR_USAGE,
                "mote_device_adopt_desc: api_version is not set: it is the VkApplicationInfo.apiVersion that the instance "
                "was made with, VK_API_VERSION_1_2 or newer");
  if (desc->api_version < VK_API_VERSION_1_2)
    return fail(error, MOTE_ERROR_USAGE,
                "mote_device_adopt_desc: api_version is %u.%u, expected 1.2 or newer: make the instance with "
                "VkApplicationInfo.apiVersion = VK_API_VERSION_1_2",
                VK_API_VERSION_MAJOR(desc->api_version), VK_API_VERSION_MINOR(desc->api_version));
  if (desc->extension_count && !desc->extensions)
    return fail(error, MOTE_ERROR_USAGE, "mote_device_adopt_desc: extension_count is %u, but extensions is not set",
                desc->extension_count);
  return MOTE_OK;
}

static mote_status load_functions(mote_device *device, PFN_vkGetInstanceProcAddr get, mote_error *error) {
  const char *missing = load_instance(get, device->instance, &device->instance_vk);
  if (!missing) missing = load_device(device->instance_vk.vkGetDeviceProcAddr, device->handle, &device->vk);
  if (!missing) return MOTE_OK;
  device->vk = (device_functions){0};
  return fail(error, MOTE_ERROR_USAGE, "mote_device_adopt_desc: get_instance_proc_addr knows no %s", missing);
}

static mote_status check_family(mote_device *device, mote_error *error) {
  VkQueueFamilyProperties families[32];
  uint32_t count = 32;
  device->instance_vk.vkGetPhysicalDeviceQueueFamilyProperties(device->physical, &count, families);
  if (device->queue_family >= count)
    return fail(error, MOTE_ERROR_USAGE, "mote_device_adopt_desc: queue_family is %u, the device has %u",
                device->queue_family, count);
  if (!(families[device->queue_family].queueFlags & VK_QUEUE_COMPUTE_BIT))
    return fail(error, MOTE_ERROR_USAGE, "mote_device_adopt_desc: queue_family %u does not compute",
                device->queue_family);
  device->timestamp_bits = families[device->queue_family].timestampValidBits;
  device->info.timestamps = device->timestamp_bits > 0;
  if (!device->info.usable)
    return fail(error, MOTE_ERROR_DEVICE, "%s: %s", device->info.name, device->info.reason);
  return MOTE_OK;
}

// Only what the host enabled may be used.
static bool enables_float16(const VkPhysicalDeviceFeatures2 *features) {
  for (const VkBaseInStructure *s = (const void *)features; s; s = s->pNext) {
    if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES)
      return ((const VkPhysicalDeviceVulkan12Features *)(const void *)s)->shaderFloat16;
    if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES)
      return ((const VkPhysicalDeviceShaderFloat16Int8Features *)(const void *)s)->shaderFloat16;
  }
  return false;
}

// Copies what `found` says into the structure of its type among `wanted`.
static void note_features(const VkBaseInStructure *found, cooperative_features *wanted) {
  const VkPhysicalDeviceVulkan13Features *v13 = (const void *)found;
  switch ((int)found->sType) {
    case (int)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR:
      wanted->matrix = *(const VkPhysicalDeviceCooperativeMatrixFeaturesKHR *)(const void *)found;
      break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES:
      wanted->subgroups = *(const VkPhysicalDeviceSubgroupSizeControlFeatures *)(const void *)found;
      break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES:
      wanted->subgroups.subgroupSizeControl = v13->subgroupSizeControl;
      wanted->subgroups.computeFullSubgroups = v13->computeFullSubgroups;
      break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES:
      wanted->v12 = *(const VkPhysicalDeviceVulkan12Features *)(const void *)found;
      break;
    default: break;
  }
}

static bool enables_cooperative(const VkPhysicalDeviceFeatures2 *features) {
  cooperative_features enabled;
  cooperative_chain(&enabled, VK_FALSE);
  for (const VkBaseInStructure *s = (const void *)features; s; s = s->pNext) note_features(s, &enabled);
  return cooperative_complete(&enabled);
}

static bool enables_extension(const mote_device_adopt_desc *desc, const char *name) {
  for (uint32_t i = 0; i < desc->extension_count; i++)
    if (strcmp(desc->extensions[i], name) == 0) return true;
  return false;
}

static void take_over(mote_device *device, const mote_device_adopt_desc *desc) {
  device->adopted = true;
  device->log = desc->log;
  device->log_user = desc->log_user;
  device->parallel = desc->parallel;
  device->parallel_user = desc->parallel_user;
  device->tune = desc->tune;
  device->instance = desc->instance;
  device->physical = desc->physical_device;
  device->handle = desc->device;
  device->queue = desc->queue;
  device->queue_family = desc->queue_family;
  device->pipeline_cache = desc->pipeline_cache;
  device->keeps_pipeline_cache = desc->pipeline_cache != VK_NULL_HANDLE;
  device->debug_utils = enables_extension(desc, VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  if (!desc->allocator) return;
  device->callbacks = *desc->allocator;
  device->allocator = &device->callbacks;
}

mote_status mote_device_adopt(const mote_device_adopt_desc *desc, mote_device **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, desc, out);
  TRY(check_desc(desc, error));
  mote_device *device = calloc(1, sizeof *device);
  if (!device) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  take_over(device, desc);
  mote_status status;
  TRY_GOTO(failed, load_functions(device, desc->get_instance_proc_addr, error));
  device_describe(&device->instance_vk, device->physical, 0, &device->info);
  TRY_GOTO(failed, check_family(device, error));
  device->info.float16 = device->info.float16 && enables_float16(desc->enabled_features);
  device->info.cooperative_matrix = device->info.cooperative_matrix &&
                                    enables_extension(desc, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME) &&
                                    enables_cooperative(desc->enabled_features);
  device->info.chosen = true;
  strcpy(device->info.reason, "the host's");
  const mote_device_desc choices = {.plain_kernels = desc->plain_kernels,
                                    .kernels = desc->kernels,
                                    .tune = desc->tune,
                                    .staging = desc->staging,
                                    .separate_buffers = desc->separate_buffers,
                                    .memory_limit = desc->memory_limit,
                                    .binding_limit = desc->binding_limit};
  TRY_GOTO(failed, device_read_caps(device, &choices, error));
  TRY_GOTO(failed, device_create_submission(device, error));
  if (!device->keeps_pipeline_cache) TRY_GOTO(failed, pipeline_cache_create(device, NULL, error));
  TRY_GOTO(failed, tuning_create(device, desc->tuning_directory, error));
  *out = device;
  return MOTE_OK;
failed:
  mote_device_destroy(&device);
  return status;
}

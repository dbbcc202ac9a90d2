// choose.c: describes every Vulkan device and picks one: a GPU before a CPU driver, or what the user named.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/vulkan.h"

static mote_device_type type_of(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return MOTE_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return MOTE_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return MOTE_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return MOTE_DEVICE_CPU;
    default: return MOTE_DEVICE_OTHER;
  }
}

static const char *type_name(mote_device_type type) {
  static const char *const names[] = {"unknown type", "integrated GPU", "discrete GPU", "virtual GPU", "CPU driver"};
  return names[type];
}

// Higher is better; types rank as a person would rank them for speed.
static int rank_of(mote_device_type type) {
  static const int ranks[] = {1, 3, 4, 2, 0};
  return ranks[type];
}

static bool has_compute_queue(const instance_functions *vk, VkPhysicalDevice physical, bool *timestamps) {
  VkQueueFamilyProperties families[32];
  uint32_t count = 32;
  vk->vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
  for (uint32_t i = 0; i < count; i++)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
      *timestamps = families[i].timestampValidBits > 0;
      return true;
    }
  return false;
}

bool physical_has_extension(const instance_functions *vk, VkPhysicalDevice physical, const char *name) {
  uint32_t count = 0;
  vk->vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL);
  VkExtensionProperties *extensions = calloc(count + 1, sizeof *extensions);
  bool found = false;
  if (extensions && vk->vkEnumerateDeviceExtensionProperties(physical, NULL, &count, extensions) >= 0)
    for (uint32_t i = 0; i < count; i++) found |= strcmp(extensions[i].extensionName, name) == 0;
  free(extensions);
  return found;
}

void device_describe(const instance_functions *vk, VkPhysicalDevice physical, uint32_t index, mote_device_info *info) {
  VkPhysicalDeviceVulkan12Properties v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
  VkPhysicalDeviceVulkan11Properties v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES,
                                            .pNext = &v12};
  VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
  VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f12};
  VkPhysicalDeviceMemoryProperties memory;
  vk->vkGetPhysicalDeviceProperties2(physical, &properties);
  vk->vkGetPhysicalDeviceFeatures2(physical, &features);
  vk->vkGetPhysicalDeviceMemoryProperties(physical, &memory);

  const VkPhysicalDeviceProperties *p = &properties.properties;
  const VkSubgroupFeatureFlags subgroup_needs = VK_SUBGROUP_FEATURE_SHUFFLE_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT;
  *info = (mote_device_info){
      .index = index,
      .type = type_of(p->deviceType),
      .api_version = {VK_API_VERSION_MAJOR(p->apiVersion), VK_API_VERSION_MINOR(p->apiVersion),
                      VK_API_VERSION_PATCH(p->apiVersion)},
      .subgroup_size = v11.subgroupSize,
      .max_invocations = p->limits.maxComputeWorkGroupInvocations,
      .shared_bytes = p->limits.maxComputeSharedMemorySize,
      .subgroup_shuffle = (v11.subgroupSupportedOperations & subgroup_needs) == subgroup_needs &&
                          (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT),
      .float16 = f12.shaderFloat16,
      .cooperative_matrix = device_is_cooperative(vk, physical),
  };
  snprintf(info->name, sizeof info->name, "%s", p->deviceName);
  snprintf(info->driver, sizeof info->driver, "%.100s%s%.100s", v12.driverName, v12.driverInfo[0] ? " " : "",
           v12.driverInfo);
  const uint8_t *u = v11.deviceUUID;
  for (int i = 0, at = 0; i < 16; i++)
    at += snprintf(info->uuid + at, sizeof info->uuid - (size_t)at, "%s%02x",
                   i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
  for (uint32_t i = 0; i < memory.memoryHeapCount; i++)
    if ((memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) &&
        memory.memoryHeaps[i].size > info->memory_bytes)
      info->memory_bytes = memory.memoryHeaps[i].size;

  bool compute = has_compute_queue(vk, physical, &info->timestamps);
  info->usable = compute && p->apiVersion >= VK_API_VERSION_1_2;
  if (!compute)
    snprintf(info->reason, sizeof info->reason, "not usable: no compute queue");
  else if (!info->usable)
    snprintf(info->reason, sizeof info->reason, "not usable: Vulkan %u.%u, 1.2 is needed", info->api_version[0],
             info->api_version[1]);
}

static bool contains_ignoring_case(const char *text, const char *part) {
  size_t length = strlen(part);
  for (; *text; text++)
    if (strncasecmp(text, part, length) == 0) return true;
  return false;
}

static bool selected(const mote_device_info *info, const char *select) {
  char *end;
  unsigned long index = strtoul(select, &end, 10);
  if (*select && !*end) return index == info->index;
  return strcasecmp(select, info->uuid) == 0 || contains_ignoring_case(info->name, select);
}

// The best usable device, among those that `select` names if it is not NULL; `count` if there is none.
static uint32_t choose(const mote_device_info *infos, uint32_t count, const char *select) {
  uint32_t best = count;
  for (uint32_t i = 0; i < count; i++) {
    if (!infos[i].usable || (select && !selected(&infos[i], select))) continue;
    if (best == count || rank_of(infos[i].type) > rank_of(infos[best].type)) best = i;
  }
  return best;
}

static void explain(mote_device_info *infos, uint32_t count, uint32_t chosen, const char *select) {
  for (uint32_t i = 0; i < count; i++) {
    mote_device_info *info = &infos[i];
    info->chosen = i == chosen;
    if (!info->usable) continue;
    if (i == chosen && select)
      snprintf(info->reason, sizeof info->reason, "chosen: it matches '%.60s'", select);
    else if (i == chosen && info->type == MOTE_DEVICE_CPU)
      snprintf(info->reason, sizeof info->reason, "chosen: there is no usable GPU");
    else if (i == chosen)
      snprintf(info->reason, sizeof info->reason, "chosen: %s", type_name(info->type));
    else if (chosen < count && rank_of(infos[chosen].type) > rank_of(info->type))
      snprintf(info->reason, sizeof info->reason, "not chosen: a %s goes before a %s", type_name(infos[chosen].type),
               type_name(info->type));
    else
      snprintf(info->reason, sizeof info->reason, "not chosen: device %u is as good; name this one to take it", chosen);
  }
}

mote_status device_describe_all(const instance_functions *vk, VkInstance instance, const char *select,
                                VkPhysicalDevice **physicals, mote_device_info **infos, uint32_t *count,
                                uint32_t *chosen, mote_error *error) {
  *physicals = NULL;
  *infos = NULL;
  const VkResult result = vk->vkEnumeratePhysicalDevices(instance, count, NULL);
  // The loader says "initialization failed" where every driver does, as they do without a device.
  if (result == VK_ERROR_INITIALIZATION_FAILED || (result >= 0 && *count == 0))
    return fail(error, MOTE_ERROR_DEVICE,
                "no Vulkan device found: there are drivers, and none of them found a device. Is there a GPU in this machine or "
                "container, and may you open /dev/dri/renderD128? lavapipe (on Debian, mesa-vulkan-drivers) works without one; "
                "if VK_DRIVER_FILES is set, it must name its .json file");
  TRY(check_result(error, result, "vkEnumeratePhysicalDevices"));
  *physicals = calloc(*count, sizeof **physicals);
  *infos = calloc(*count, sizeof **infos);
  mote_status status = *physicals && *infos ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = CHECK(error, vk->vkEnumeratePhysicalDevices(instance, count, *physicals));
  if (status) {
    free(*physicals);
    free(*infos);
    *physicals = NULL;
    *infos = NULL;
    return status;
  }
  for (uint32_t i = 0; i < *count; i++) device_describe(vk, (*physicals)[i], i, &(*infos)[i]);
  *chosen = choose(*infos, *count, select);
  explain(*infos, *count, *chosen, select);
  return MOTE_OK;
}

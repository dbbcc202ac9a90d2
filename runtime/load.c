// load.c: finds the Vulkan loader, by volk, and fills the tables of functions.
#include <volk.h>

#include "runtime/functions.h"

PFN_vkGetInstanceProcAddr loader_open(void) { return volkInitialize() == VK_SUCCESS ? vkGetInstanceProcAddr : NULL; }

#define LOAD(name) out->name = (PFN_##name)get(of, #name);
#define LOAD_NEEDED(name) \
  LOAD(name)              \
  if (!out->name && !missing) missing = #name;

const char *load_global(PFN_vkGetInstanceProcAddr get, global_functions *out) {
  const char *missing = NULL;
  VkInstance of = NULL;
  out->vkGetInstanceProcAddr = get;
  GLOBAL_FUNCTIONS(LOAD_NEEDED)
  return missing;
}

const char *load_instance(PFN_vkGetInstanceProcAddr get, VkInstance of, instance_functions *out) {
  const char *missing = NULL;
  INSTANCE_FUNCTIONS(LOAD_NEEDED)
  OPTIONAL_FUNCTIONS(LOAD)
  return missing;
}

const char *load_device(PFN_vkGetDeviceProcAddr get, VkDevice of, device_functions *out) {
  const char *missing = NULL;
  DEVICE_FUNCTIONS(LOAD_NEEDED)
  return missing;
}

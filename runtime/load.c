// load.c: finds the Vulkan loader and fills the tables of functions.
#include <dlfcn.h>
#include <string.h>

#include "runtime/functions.h"

PFN_vkGetInstanceProcAddr loader_open(void **library) {
  static const char *const names[] = {
#ifdef __APPLE__
      "libvulkan.dylib", "libvulkan.1.dylib", "libMoltenVK.dylib",
#endif
      "libvulkan.so.1", "libvulkan.so"};
  PFN_vkGetInstanceProcAddr get = NULL;
  *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !*library; i++)
    *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!*library) return NULL;
  void *symbol = dlsym(*library, "vkGetInstanceProcAddr");
  memcpy(&get, &symbol, sizeof get);  // ISO C converts no object pointer to a function's
  if (!get) {
    loader_close(*library);
    *library = NULL;
  }
  return get;
}

void loader_close(void *library) {
  if (library) dlclose(library);
}

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
  DEBUG_FUNCTIONS(LOAD)
  return missing;
}

const char *load_device(PFN_vkGetDeviceProcAddr get, VkDevice of, device_functions *out) {
  const char *missing = NULL;
  DEVICE_FUNCTIONS(LOAD_NEEDED)
  return missing;
}

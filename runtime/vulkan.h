// vulkan.h: the runtime's own view of its objects. Included by runtime/*.c alone.
#ifndef MOTE_RUNTIME_VULKAN_H
#define MOTE_RUNTIME_VULKAN_H

#include <stdatomic.h>

#include "mote_vulkan.h"
#include "runtime/functions.h"
#include "runtime/runtime.h"
#include "runtime/spirv.h"

// Every Vulkan result goes through here: failures become a status and a message that names the call.
#define CHECK(error, call) check_result(error, call, #call)
mote_status check_result(mote_error *error, VkResult result, const char *call);

struct pipeline {
  pipeline *next;  // in the device's list
  const shader *shader;
  uint32_t spec[MAX_SPEC_CONSTANTS];
  uint32_t spec_count;
  spirv_interface interface;
  VkDescriptorSetLayout set_layout;
  VkPipelineLayout layout;
  VkPipeline handle;
};

typedef struct tuning_entry tuning_entry;

struct mote_device {
  mote_device_info info;
  device_caps caps;
  mote_device_counters counters;
  mote_log_fn log;
  void *log_user;
  mote_parallel_fn parallel;  // NULL: none
  void *parallel_user;

  bool adopted;    // instance, device and queue are the host's
  VkAllocationCallbacks callbacks;
  const VkAllocationCallbacks *allocator;  // &callbacks, or NULL

  VkInstance instance;
  instance_functions instance_vk;  // every instance-level function, of this instance
  VkDebugUtilsMessengerEXT messenger;
  atomic_bool validation_told;   // the layers may report from several threads: the first to set it keeps its message
  char validation_message[400];  // the first message that the validation layers reported, empty if none
  bool debug_utils;              // VK_EXT_debug_utils is enabled

  VkPhysicalDevice physical;
  VkPhysicalDeviceMemoryProperties memory;
  uint64_t max_allocation_bytes;
  uint32_t heap;            // that buffers lie in
  bool tells_budget;        // VK_EXT_memory_budget is there
  uint64_t memory_limit;    // bytes that buffers take at most; 0: what there is
  VkDevice handle;
  device_functions vk;  // every device-level function, of this device
  VkQueue queue;
  uint32_t queue_family;
  double timestamp_period;  // nanoseconds a tick
  uint32_t timestamp_bits;  // that are valid on this queue family; 0: no timestamps
  bool mapped;              // device memory is host memory: buffers are mapped, not staged

  VkPipelineCache pipeline_cache;
  bool keeps_pipeline_cache;   // it is the host's
  char *cache_path;            // NULL: not kept
  uint64_t cache_hash;         // of the blob that was loaded, to write it only when it changed
  mote_tune tune;
  char *tuning_path;           // NULL: not kept
  tuning_entry *tuning;        // tuning_count of them, owned
  size_t tuning_count;
  bool tuning_changed;         // since it was loaded
  pipeline *pipelines;
  const shader *shaders;       // in place of embedded ones, shader_count of them; borrowed
  size_t shader_count;

  VkCommandPool pool;
  VkCommandBuffer to_host;     // recorded once: makes device writes visible to the host; ends every submission
  VkFence fence;
};

struct buffer {
  mote_device *device;
  VkBuffer handle;
  VkDeviceMemory memory;
  size_t bytes, allocated_bytes;
  void *mapped;  // NULL: staged
};

// Submits `count` command buffers followed by the one that makes their writes visible to the host, and waits.
mote_status device_submit(mote_device *device, const VkCommandBuffer *buffers, uint32_t count, mote_error *error);

// Begins a command buffer of the device's pool that will be submitted once.
mote_status device_begin_once(mote_device *device, VkCommandBuffer *out, mote_error *error);

// Ends, submits, awaits and frees it.
mote_status device_end_once(mote_device *device, VkCommandBuffer commands, mote_error *error);

// Shows `name` for a Vulkan object in debuggers and validation messages. NULL takes it away.
void device_name_object(mote_device *device, VkObjectType type, uint64_t handle, const char *name);

// Fails when the validation layers have reported anything.
mote_status device_check_validation(mote_device *device, mote_error *error);

// What the runtime sees of the device, and the fence and command buffer that every submission of its own ends with.
mote_status device_read_caps(mote_device *device, const mote_device_desc *desc, mote_error *error);
mote_status device_create_submission(mote_device *device, mote_error *error);

// buffer.c: which heap buffers lie in.
mote_status buffer_find_heap(mote_device *device, mote_error *error);

// choose.c: what a physical device is and offers.
void device_describe(const instance_functions *vk, VkPhysicalDevice physical, uint32_t index, mote_device_info *info);

bool physical_has_extension(const instance_functions *vk, VkPhysicalDevice physical, const char *name);

// cooperative.c: whether kernels of cooperative matrices can run there.
bool device_is_cooperative(const instance_functions *vk, VkPhysicalDevice physical);

// choose.c: fills `infos[i]` for every physical device and marks the one that `select` picks; `*chosen` is its index.
mote_status device_describe_all(const instance_functions *vk, VkInstance instance, const char *select,
                                VkPhysicalDevice **physicals, mote_device_info **infos, uint32_t *count,
                                uint32_t *chosen, mote_error *error);

// pipeline_cache.c
mote_status pipeline_cache_create(mote_device *device, const char *directory, mote_error *error);
void pipeline_cache_destroy(mote_device *device);  // writes it back if it changed

// tuning.c
mote_status tuning_create(mote_device *device, const char *directory, mote_error *error);
void tuning_destroy(mote_device *device);  // writes it back if it changed

void pipeline_destroy_all(mote_device *device);

#endif

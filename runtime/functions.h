// functions.h: the Vulkan functions that the runtime calls, loaded for one instance and one device: nothing is global,
// so two devices, or a host with a loader of its own, do not meet. A function that is missing here does not compile.
#ifndef MOTE_RUNTIME_FUNCTIONS_H
#define MOTE_RUNTIME_FUNCTIONS_H

#include <vulkan/vulkan_core.h>

#include "runtime/cooperative.h"

#define GLOBAL_FUNCTIONS(X) X(vkCreateInstance) X(vkEnumerateInstanceExtensionProperties)

#define INSTANCE_FUNCTIONS(X)                 \
  X(vkCreateDevice)                           \
  X(vkDestroyInstance)                        \
  X(vkEnumerateDeviceExtensionProperties)     \
  X(vkEnumeratePhysicalDevices)               \
  X(vkGetDeviceProcAddr)                      \
  X(vkGetPhysicalDeviceFeatures2)             \
  X(vkGetPhysicalDeviceMemoryProperties)      \
  X(vkGetPhysicalDeviceMemoryProperties2)     \
  X(vkGetPhysicalDeviceProperties)            \
  X(vkGetPhysicalDeviceProperties2)           \
  X(vkGetPhysicalDeviceQueueFamilyProperties)

// Of extensions: NULL where they are not there or not enabled.
#define OPTIONAL_FUNCTIONS(X)                          \
  X(vkCmdBeginDebugUtilsLabelEXT)                      \
  X(vkCmdEndDebugUtilsLabelEXT)                        \
  X(vkCreateDebugUtilsMessengerEXT)                    \
  X(vkDestroyDebugUtilsMessengerEXT)                   \
  X(vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) \
  X(vkSetDebugUtilsObjectNameEXT)

#define DEVICE_FUNCTIONS(X)        \
  X(vkAllocateCommandBuffers)      \
  X(vkAllocateDescriptorSets)      \
  X(vkAllocateMemory)              \
  X(vkBeginCommandBuffer)          \
  X(vkBindBufferMemory)            \
  X(vkCmdBindDescriptorSets)       \
  X(vkCmdBindPipeline)             \
  X(vkCmdCopyBuffer)               \
  X(vkCmdCopyBufferToImage)        \
  X(vkCmdCopyQueryPoolResults)     \
  X(vkCmdDispatch)                 \
  X(vkCmdPipelineBarrier)          \
  X(vkCmdPushConstants)            \
  X(vkCmdResetQueryPool)           \
  X(vkCmdUpdateBuffer)             \
  X(vkCmdWriteTimestamp)           \
  X(vkCreateBuffer)                \
  X(vkCreateBufferView)            \
  X(vkCreateCommandPool)           \
  X(vkCreateComputePipelines)      \
  X(vkCreateDescriptorPool)        \
  X(vkCreateDescriptorSetLayout)   \
  X(vkCreateFence)                 \
  X(vkCreatePipelineCache)         \
  X(vkCreatePipelineLayout)        \
  X(vkCreateQueryPool)             \
  X(vkCreateShaderModule)          \
  X(vkDestroyBuffer)               \
  X(vkDestroyBufferView)           \
  X(vkDestroyCommandPool)          \
  X(vkDestroyDescriptorPool)       \
  X(vkDestroyDescriptorSetLayout)  \
  X(vkDestroyDevice)               \
  X(vkDestroyFence)                \
  X(vkDestroyPipeline)             \
  X(vkDestroyPipelineCache)        \
  X(vkDestroyPipelineLayout)       \
  X(vkDestroyQueryPool)            \
  X(vkDestroyShaderModule)         \
  X(vkDeviceWaitIdle)              \
  X(vkEndCommandBuffer)            \
  X(vkFreeCommandBuffers)          \
  X(vkFreeMemory)                  \
  X(vkGetBufferMemoryRequirements) \
  X(vkGetDeviceQueue)              \
  X(vkGetFenceStatus)              \
  X(vkGetPipelineCacheData)        \
  X(vkGetQueryPoolResults)         \
  X(vkMapMemory)                   \
  X(vkQueueSubmit)                 \
  X(vkQueueWaitIdle)               \
  X(vkResetFences)                 \
  X(vkUpdateDescriptorSets)        \
  X(vkWaitForFences)

#define DECLARE_FUNCTION(name) PFN_##name name;
typedef struct global_functions {
  PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr;
  GLOBAL_FUNCTIONS(DECLARE_FUNCTION)
} global_functions;

typedef struct instance_functions {
  INSTANCE_FUNCTIONS(DECLARE_FUNCTION)
  OPTIONAL_FUNCTIONS(DECLARE_FUNCTION)
} instance_functions;

typedef struct device_functions {
  DEVICE_FUNCTIONS(DECLARE_FUNCTION)
} device_functions;
#undef DECLARE_FUNCTION

// Opens the system's Vulkan loader; NULL if there is none. It stays open, and volk's own pointers go unused otherwise.
PFN_vkGetInstanceProcAddr loader_open(void);

// These return the name of the first function that is not there, or NULL.
const char *load_global(PFN_vkGetInstanceProcAddr get, global_functions *out);
const char *load_instance(PFN_vkGetInstanceProcAddr get, VkInstance instance, instance_functions *out);
const char *load_device(PFN_vkGetDeviceProcAddr get, VkDevice device, device_functions *out);

#endif

// codegen.c: makes mote's kernels on a device that need not be able to run them, and prints what its compiler says of
// each: RADV compiles for any AMD GPU without one (RADV_FORCE_FAMILY). Used by tests/gpu_codegen.py.
//
// mote works on this program's device, whose functions it asks of `function_for` below: there, kernels get the flag
// that keeps statistics, and command buffers and fences, which a device without hardware cannot make, are nothing.
//
// `codegen matrix`: the class of cooperative matrices; exit code 3 where the device has none.
//
// Prints a line a kernel: set of kernels, shader, its specialization constants, then "name=value" for each statistic,
// separated by tabs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <volk.h>

#include "mote_vulkan.h"

#include "graph/nets/network.h"
#include "graph/ops/ops.h"
#include "runtime/cooperative.h"
#include "shaders/measure_matrix.h"
#include "tests/ops/cases.h"

static VkDevice vulkan_device;
static char constants[400];        // of the kernel that is being made
static const char *kernel_set;     // what the kernels made now are for

static void stop(const char *what, const char *why) {
  fprintf(stderr, "codegen: %s: %s\n", what, why);
  exit(1);
}

static void vulkan_must(VkResult result, const char *call) {
  char number[16];
  snprintf(number, sizeof number, "%d", (int)result);
  if (result < 0) stop(call, number);
}
#define VK_MUST(call) vulkan_must(call, #call)

// ---------------------------------------------------------------------------------------------------------------------
// What stands between mote and the driver

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
  VkComputePipelineCreateInfo info = infos[0];  // mote makes one at a time
  info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
  const VkSpecializationInfo *given = info.stage.pSpecializationInfo;
  size_t used = 0;
  constants[0] = 0;
  for (uint32_t i = 0; given && i < given->mapEntryCount && used + 16 < sizeof constants; i++) {
    uint32_t value;
    memcpy(&value, (const char *)given->pData + given->pMapEntries[i].offset, sizeof value);
    used += (size_t)snprintf(constants + used, sizeof constants - used, "%s%u", i ? " " : "", value);
  }
  return vkCreateComputePipelines(device, cache, count, &info, allocator, pipelines);
}

static void print_statistic(const VkPipelineExecutableStatisticKHR *s) {
  switch (s->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: printf("\t%s=%u", s->name, s->value.b32); break;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: printf("\t%s=%lld", s->name, (long long)s->value.i64); break;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
      printf("\t%s=%llu", s->name, (unsigned long long)s->value.u64);
      break;
    default: printf("\t%s=%g", s->name, s->value.f64);
  }
}

static void print_statistics(VkPipeline pipeline) {
  enum { MOST = 64 };
  const VkPipelineExecutableInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                            .pipeline = pipeline};
  VkPipelineExecutableStatisticKHR statistics[MOST];
  uint32_t count = MOST;
  for (int i = 0; i < MOST; i++)
    statistics[i] =
        (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
  VK_MUST(vkGetPipelineExecutableStatisticsKHR(vulkan_device, &info, &count, statistics));
  for (uint32_t i = 0; i < count; i++) print_statistic(&statistics[i]);
}

// mote names every pipeline after its shader as soon as it is made.
static VKAPI_ATTR VkResult VKAPI_CALL name_object(VkDevice device, const VkDebugUtilsObjectNameInfoEXT *info) {
  (void)device;
  if (info->objectType != VK_OBJECT_TYPE_PIPELINE) return VK_SUCCESS;
  printf("%s\t%s\t%s", kernel_set, info->pObjectName, constants);
  print_statistics((VkPipeline)(uintptr_t)info->objectHandle);
  printf("\n");
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL make_pool(VkDevice device, const VkCommandPoolCreateInfo *info,
                                                const VkAllocationCallbacks *allocator, VkCommandPool *pool) {
  (void)device, (void)info, (void)allocator;
  *pool = VK_NULL_HANDLE;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL make_fence(VkDevice device, const VkFenceCreateInfo *info,
                                                 const VkAllocationCallbacks *allocator, VkFence *fence) {
  (void)device, (void)info, (void)allocator;
  *fence = VK_NULL_HANDLE;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice device, const VkCommandBufferAllocateInfo *info,
                                               VkCommandBuffer *commands) {
  (void)device, (void)info;
  *commands = NULL;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL begin(VkCommandBuffer commands, const VkCommandBufferBeginInfo *info) {
  (void)commands, (void)info;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL end(VkCommandBuffer commands) {
  (void)commands;
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL barrier(VkCommandBuffer commands, VkPipelineStageFlags from, VkPipelineStageFlags to,
                                          VkDependencyFlags flags, uint32_t count, const VkMemoryBarrier *barriers,
                                          uint32_t buffer_count, const VkBufferMemoryBarrier *buffers,
                                          uint32_t image_count, const VkImageMemoryBarrier *images) {
  (void)commands, (void)from, (void)to, (void)flags, (void)count, (void)barriers;
  (void)buffer_count, (void)buffers, (void)image_count, (void)images;
}

static PFN_vkVoidFunction replaced(const char *name) {
  static const struct {
    const char *name;
    PFN_vkVoidFunction function;
  } functions[] = {{"vkCreateComputePipelines", (PFN_vkVoidFunction)create_pipelines},
                   {"vkSetDebugUtilsObjectNameEXT", (PFN_vkVoidFunction)name_object},
                   {"vkCreateCommandPool", (PFN_vkVoidFunction)make_pool},
                   {"vkCreateFence", (PFN_vkVoidFunction)make_fence},
                   {"vkAllocateCommandBuffers", (PFN_vkVoidFunction)allocate},
                   {"vkBeginCommandBuffer", (PFN_vkVoidFunction)begin},
                   {"vkEndCommandBuffer", (PFN_vkVoidFunction)end},
                   {"vkCmdPipelineBarrier", (PFN_vkVoidFunction)barrier}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (!strcmp(functions[i].name, name)) return functions[i].function;
  return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function_for(VkDevice device, const char *name) {
  PFN_vkVoidFunction own = replaced(name);
  return own ? own : vkGetDeviceProcAddr(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL function_for(VkInstance instance, const char *name) {
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)device_function_for;
  PFN_vkVoidFunction own = replaced(name);
  return own ? own : vkGetInstanceProcAddr(instance, name);
}

// ---------------------------------------------------------------------------------------------------------------------
// The device

static bool has_matrices(VkPhysicalDevice physical) {
  VkExtensionProperties extensions[512];
  uint32_t count = 512;
  bool found = false;
  vkEnumerateDeviceExtensionProperties(physical, NULL, &count, extensions);
  for (uint32_t i = 0; i < count; i++)
    found |= !strcmp(extensions[i].extensionName, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
  return found;
}

static mote_device_adopt_desc open_device(bool matrices) {
  static const char *const debug_utils[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME};
  static cooperative_features cooperative;
  static VkPhysicalDeviceFeatures2 enabled = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  const char *extensions[COOPERATIVE_EXTENSION_COUNT + 1] = COOPERATIVE_EXTENSIONS;
  uint32_t extension_count = matrices ? COOPERATIVE_EXTENSION_COUNT : 0;
  extensions[extension_count++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
  const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_2};
  const VkInstanceCreateInfo instance_info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                              .pApplicationInfo = &application};
  VkInstance instance;
  VkPhysicalDevice physical;
  VkQueue queue;
  uint32_t count = 1, family = 0;
  VK_MUST(volkInitialize());
  VK_MUST(vkCreateInstance(&instance_info, NULL, &instance));
  volkLoadInstance(instance);
  VK_MUST(vkEnumeratePhysicalDevices(instance, &count, &physical));
  if (!count) stop("vkEnumeratePhysicalDevices", "no device");
  if (matrices && !has_matrices(physical)) exit(3);
  if (matrices) enabled.pNext = cooperative_chain(&cooperative, VK_TRUE);
  VkQueueFamilyProperties families[16];
  count = 16;
  vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
  while (family + 1 < count && !(families[family].queueFlags & VK_QUEUE_COMPUTE_BIT)) family++;
  const float priority = 1;
  const VkDeviceQueueCreateInfo queue_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                              .queueFamilyIndex = family,
                                              .queueCount = 1,
                                              .pQueuePriorities = &priority};
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR features = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
      .pNext = enabled.pNext,
      .pipelineExecutableInfo = VK_TRUE};
  const VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                          .pNext = &features,
                                          .queueCreateInfoCount = 1,
                                          .pQueueCreateInfos = &queue_info,
                                          .enabledExtensionCount = extension_count,
                                          .ppEnabledExtensionNames = extensions};
  VK_MUST(vkCreateDevice(physical, &device_info, NULL, &vulkan_device));
  vkGetDeviceQueue(vulkan_device, family, 0, &queue);
  // Names come through vkSetDebugUtilsObjectNameEXT, which here is this program's own.
  return (mote_device_adopt_desc){.instance = instance,
                                  .api_version = VK_API_VERSION_1_2,
                                  .physical_device = physical,
                                  .device = vulkan_device,
                                  .queue = queue,
                                  .queue_family = family,
                                  .get_instance_proc_addr = function_for,
                                  .enabled_features = &enabled,
                                  .extensions = debug_utils,
                                  .extension_count = matrices ? 2 : 1,
                                  .kernels = matrices ? MOTE_KERNELS_MATRIX : MOTE_KERNELS_TILED};
}

// ---------------------------------------------------------------------------------------------------------------------
// What kernels are made for

static void make_pipelines(mote_device *device, graph *graph, const char *name) {
  mote_error error = {0};
  if (program_make_pipelines(&(program_desc){.device = device, .graph = graph, .name = name}, &error))
    stop(name, error.message);
}

// The default model, one step of sampling or, with `train`, one pass there and back.
static void make_network(mote_device *device, int batch, bool train) {
  const mote_model_info info = {.channels = 3, .height = 16, .n_feat = 64, .n_cfeat = 5, .timesteps = 500};
  graph *graph = graph_create(device_get_caps(device));
  if (!graph) stop("network", "out of memory");
  graph->train = train;
  shape image = {batch, 3, 16, 16};
  const network_inputs inputs = network_make_inputs(graph, &info, batch, train);
  tensor *y = network_build(graph, &info, &inputs).y, *dy = NULL;
  if (train) {
    tensor *target = graph_input(graph, "target", image, ROLE_ACTIVATION);
    tensor *weight = graph_input(graph, "weight", (shape){batch, 1, 1, 1}, ROLE_ACTIVATION);
    mse(graph, y, target, weight, 1, &dy);
    graph_note_loss(graph, y, dy);
    if (passes_differentiate(graph, PASS_SECOND | PASS_ACTIVATION | PASS_DIFFERENTIATE, &graph->error)) graph->status = graph->error.status;
  }
  make_pipelines(device, graph, "network");
}

static void make_op(mote_device *device, const op_case *test) {
  graph *graph = graph_create(device_get_caps(device));
  tensor *inputs[CASE_INPUTS] = {0};
  if (!graph) stop(test->name, "out of memory");
  for (int i = 0; i < CASE_INPUTS && test->inputs[i].shape.n; i++) {
    char name[] = {'i', 'n', 'p', 'u', 't', (char)('0' + i), 0};
    inputs[i] = graph_input(graph, name, test->inputs[i].shape, test->inputs[i].role);
  }
  test->build(graph, test, inputs);
  make_pipelines(device, graph, test->name);
}

static void make_measuring(mote_device *device) {
  const device_caps *caps = device_get_caps(device);
  const uint32_t spec[] = {[MEASURE_MATRIX_LOCAL] = 4 * caps->subgroup_size, [MEASURE_MATRIX_WAVE] = caps->subgroup_size};
  mote_error error = {0};
  pipeline *kernel;
  if (pipeline_get(device, "measure_copy", NULL, 0, &kernel, &error) ||
      pipeline_get(device, "measure_arithmetic", NULL, 0, &kernel, &error) ||
      (caps->cooperative && pipeline_get(device, "measure_matrix_cooperative", spec, 2, &kernel, &error)))
    stop("ceilings", error.message);
}

int main(int argument_count, char **arguments) {
  mote_error error = {0};
  mote_device *device;
  const mote_device_adopt_desc desc = open_device(argument_count > 1 && !strcmp(arguments[1], "matrix"));
  if (mote_device_adopt(&desc, &device, &error)) stop("mote_device_adopt", error.message);
  printf("%s, %s\n", mote_device_get_info(device)->name, mote_device_get_info(device)->driver);
  static const struct {
    const char *name;
    int batch;
    bool train;
  } networks[] = {{"batch 1", 1, false}, {"batch 32", 32, false}, {"training, batch 100", 100, true}};
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    kernel_set = networks[i].name;
    make_network(device, networks[i].batch, networks[i].train);
  }
  kernel_set = "op tests";
  for (int i = 0; i < all_cases.count; i++) {
    const op_cases *cases = all_cases.ops[i].cases;
    for (int k = 0; cases && k < cases->count; k++) make_op(device, &cases->cases[k]);
  }
  kernel_set = "ceilings";
  make_measuring(device);
  fflush(stdout);
  _Exit(0);  // a device without hardware does not survive its end in every driver
}

// test_host_faults.c: a host whose memory runs out at every place in turn, whose device is lost, and whose clock says
// what the test wants: failures are statuses, nothing is left behind, and a new start works.
#include "tests/embedding/host.h"

enum { HEIGHT = 8, IMAGE = 3 * HEIGHT * HEIGHT };

// What stands between mote and Vulkan.
static struct {
  int fail_at;          // the so many-th vkAllocateMemory, counted from 1, fails; 0: none
  int calls;            // of vkAllocateMemory
  int refuse_at;        // the so many-th call that makes an object fails before it reaches the driver
  int creations;        // of those calls
  int live_memory;      // vkAllocateMemory less vkFreeMemory
  bool lost;            // vkQueueSubmit and vkWaitForFences say so, from submission lost_at on
  int lost_at, submits;
  bool fakes_clock;
  double lap;           // microseconds that every lap takes that is recorded, or with step_dispatches every step
  uint32_t dispatches, step_dispatches;  // since the lap began; of a step
  int waits;            // calls that wait or may
  int wait_at, fence_waits;  // the so many-th vkWaitForFences fails with wait_result, and does not wait
  VkResult wait_result;
  int unready;          // so often vkGetFenceStatus says that the work which was not waited for still runs
  bool freed_early;     // memory was freed meanwhile
  double period;
  VkDeviceSize budget, usage;  // what VK_EXT_memory_budget tells of every heap; 0: what the driver does
} layer;

static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                      const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory) {
  if (++layer.calls == layer.fail_at) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkResult result = vkAllocateMemory(device, info, callbacks, memory);
  layer.live_memory += result == VK_SUCCESS;
  return result;
}

// The host's allocation callbacks fail within these calls only: drivers crash where recording finds no memory.
static struct {
  int fail_at, calls, live;
  bool armed;
} heap;

static bool refused(void) { return ++layer.creations == layer.refuse_at; }

#define CREATING(name, info_type, made_type)                                                                    \
  static VKAPI_ATTR VkResult VKAPI_CALL mock_##name(VkDevice device, const info_type *info,                     \
                                                    const VkAllocationCallbacks *allocator, made_type *made) { \
    if (refused()) return VK_ERROR_OUT_OF_HOST_MEMORY;                                                          \
    heap.armed = true;                                                                                          \
    VkResult result = name(device, info, allocator, made);                                                      \
    heap.armed = false;                                                                                         \
    return result;                                                                                              \
  }
#define CREATED(X)                                                                             \
  X(vkCreateBuffer, VkBufferCreateInfo, VkBuffer)                                              \
  X(vkCreateBufferView, VkBufferViewCreateInfo, VkBufferView)                                  \
  X(vkCreateCommandPool, VkCommandPoolCreateInfo, VkCommandPool)                               \
  X(vkCreateDescriptorPool, VkDescriptorPoolCreateInfo, VkDescriptorPool)                      \
  X(vkCreateDescriptorSetLayout, VkDescriptorSetLayoutCreateInfo, VkDescriptorSetLayout)       \
  X(vkCreateFence, VkFenceCreateInfo, VkFence)                                                 \
  X(vkCreatePipelineCache, VkPipelineCacheCreateInfo, VkPipelineCache)                         \
  X(vkCreatePipelineLayout, VkPipelineLayoutCreateInfo, VkPipelineLayout)                      \
  X(vkCreateQueryPool, VkQueryPoolCreateInfo, VkQueryPool)                                     \
  X(vkCreateShaderModule, VkShaderModuleCreateInfo, VkShaderModule)
CREATED(CREATING)

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator, VkPipeline *made) {
  if (refused()) return VK_ERROR_OUT_OF_HOST_MEMORY;
  return vkCreateComputePipelines(device, cache, count, infos, allocator, made);
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate_commands(VkDevice device, const VkCommandBufferAllocateInfo *info,
                                                        VkCommandBuffer *made) {
  return refused() ? VK_ERROR_OUT_OF_HOST_MEMORY : vkAllocateCommandBuffers(device, info, made);
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate_sets(VkDevice device, const VkDescriptorSetAllocateInfo *info,
                                                    VkDescriptorSet *made) {
  return refused() ? VK_ERROR_OUT_OF_POOL_MEMORY : vkAllocateDescriptorSets(device, info, made);
}

static VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                              const VkAllocationCallbacks *callbacks) {
  layer.live_memory -= memory != VK_NULL_HANDLE;
  layer.freed_early |= layer.unready > 0;
  vkFreeMemory(device, memory, callbacks);
}

static VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos,
                                                   VkFence fence) {
  if (layer.lost_at && ++layer.submits >= layer.lost_at) layer.lost = true;
  return layer.lost ? VK_ERROR_DEVICE_LOST : vkQueueSubmit(queue, count, infos, fence);
}

static VKAPI_ATTR void VKAPI_CALL count_dispatch(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z) {
  layer.dispatches++;
  vkCmdDispatch(commands, x, y, z);
}

static VKAPI_ATTR void VKAPI_CALL write_timestamp(VkCommandBuffer commands, VkPipelineStageFlagBits stage,
                                                  VkQueryPool pool, uint32_t query) {
  if (query % 2 == 0) layer.dispatches = 0;
  vkCmdWriteTimestamp(commands, stage, pool, query);
}

// What the clock says of a lap is decided where it is recorded.
static VKAPI_ATTR void VKAPI_CALL copy_query_results(VkCommandBuffer commands, VkQueryPool pool, uint32_t first,
                                                     uint32_t count, VkBuffer buffer, VkDeviceSize offset,
                                                     VkDeviceSize stride, VkQueryResultFlags flags) {
  double lap = layer.step_dispatches ? layer.lap * layer.dispatches / layer.step_dispatches : layer.lap;
  const uint64_t ticks[2] = {1000, 1000 + (uint64_t)(lap * 1000 / layer.period + 0.5)};
  if (!layer.fakes_clock)
    vkCmdCopyQueryPoolResults(commands, pool, first, count, buffer, offset, stride, flags);
  else
    vkCmdUpdateBuffer(commands, buffer, offset, sizeof ticks, ticks);
}

// Calls that may hold a frame up. The driver would say that the results of queries are not ready.
#define WAITING(name, parameters, arguments)                 \
  static VKAPI_ATTR VkResult VKAPI_CALL mock_##name parameters { \
    layer.waits++;                                           \
    return name arguments;                                   \
  }
WAITING(vkDeviceWaitIdle, (VkDevice device), (device))
WAITING(vkQueueWaitIdle, (VkQueue queue), (queue))
static VKAPI_ATTR VkResult VKAPI_CALL mock_vkWaitForFences(VkDevice device, uint32_t count, const VkFence *fences,
                                                           VkBool32 all, uint64_t timeout) {
  layer.waits++;
  if (++layer.fence_waits != layer.wait_at) return vkWaitForFences(device, count, fences, all, timeout);
  layer.unready = 3;
  return layer.wait_result;
}
static VKAPI_ATTR VkResult VKAPI_CALL mock_vkGetFenceStatus(VkDevice device, VkFence fence) {
  layer.waits++;
  if (layer.unready && layer.unready--) return VK_NOT_READY;
  return vkGetFenceStatus(device, fence);
}
WAITING(vkWaitSemaphores, (VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout), (device, info, timeout))
WAITING(vkGetSemaphoreCounterValue, (VkDevice device, VkSemaphore semaphore, uint64_t *value), (device, semaphore, value))
WAITING(vkGetEventStatus, (VkDevice device, VkEvent event), (device, event))
static VKAPI_ATTR VkResult VKAPI_CALL mock_vkGetQueryPoolResults(VkDevice device, VkQueryPool pool, uint32_t first,
                                                                 uint32_t count, size_t bytes, void *data,
                                                                 VkDeviceSize stride, VkQueryResultFlags flags) {
  (void)device, (void)pool, (void)first, (void)count, (void)bytes, (void)data, (void)stride, (void)flags;
  layer.waits++;
  return VK_NOT_READY;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_function(VkDevice device, const char *name) {
  if (!strcmp(name, "vkAllocateMemory")) return (PFN_vkVoidFunction)allocate_memory;
  if (!strcmp(name, "vkCreateComputePipelines")) return (PFN_vkVoidFunction)create_pipelines;
  if (!strcmp(name, "vkAllocateCommandBuffers")) return (PFN_vkVoidFunction)allocate_commands;
  if (!strcmp(name, "vkAllocateDescriptorSets")) return (PFN_vkVoidFunction)allocate_sets;
#define MOCKED(function, info, made) \
  if (!strcmp(name, #function)) return (PFN_vkVoidFunction)mock_##function;
  CREATED(MOCKED)
  if (!strcmp(name, "vkFreeMemory")) return (PFN_vkVoidFunction)free_memory;
  if (!strcmp(name, "vkQueueSubmit")) return (PFN_vkVoidFunction)queue_submit;
  if (!strcmp(name, "vkCmdCopyQueryPoolResults")) return (PFN_vkVoidFunction)copy_query_results;
  if (!strcmp(name, "vkCmdDispatch")) return (PFN_vkVoidFunction)count_dispatch;
  if (!strcmp(name, "vkCmdWriteTimestamp")) return (PFN_vkVoidFunction)write_timestamp;
#define COUNTED(function) \
  if (!strcmp(name, #function)) return (PFN_vkVoidFunction)mock_##function;
  COUNTED(vkDeviceWaitIdle)
  COUNTED(vkQueueWaitIdle)
  COUNTED(vkWaitForFences)
  COUNTED(vkWaitSemaphores)
  COUNTED(vkGetSemaphoreCounterValue)
  COUNTED(vkGetFenceStatus)
  COUNTED(vkGetEventStatus)
  COUNTED(vkGetQueryPoolResults)
  return vkGetDeviceProcAddr(device, name);
}

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_extensions(VkPhysicalDevice physical, const char *of, uint32_t *count,
                                                           VkExtensionProperties *properties) {
  const uint32_t room = *count;
  if (properties && layer.budget) *count = room - 1;
  VkResult result = vkEnumerateDeviceExtensionProperties(physical, of, count, properties);
  if (!layer.budget) return result;
  if (properties) strcpy(properties[*count].extensionName, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  ++*count;
  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *properties) {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = properties->pNext;
  vkGetPhysicalDeviceMemoryProperties2(physical, properties);
  for (uint32_t i = 0; layer.budget && budget && i < VK_MAX_MEMORY_HEAPS; i++)
    budget->heapBudget[i] = layer.budget, budget->heapUsage[i] = layer.usage;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_function(VkInstance instance, const char *name) {
  if (!strcmp(name, "vkEnumerateDeviceExtensionProperties")) return (PFN_vkVoidFunction)enumerate_extensions;
  if (!strcmp(name, "vkGetPhysicalDeviceMemoryProperties2")) return (PFN_vkVoidFunction)get_memory;
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)get_device_function;
  return vkGetInstanceProcAddr(instance, name);
}

// ---------------------------------------------------------------------------------------------------------------------
// The host's allocation callbacks: every block carries its size, and the live ones are counted.

typedef struct block {
  void *base;
  size_t bytes;
} block;

static VKAPI_ATTR void *VKAPI_CALL heap_allocate(void *user, size_t bytes, size_t alignment,
                                                 VkSystemAllocationScope scope) {
  (void)user;
  (void)scope;
  if (heap.armed && ++heap.calls == heap.fail_at) return NULL;
  if (alignment < sizeof(block)) alignment = sizeof(block);
  char *base = malloc(bytes + 2 * alignment);
  if (!base) return NULL;
  char *start = (char *)(((uintptr_t)base + 2 * alignment - 1) / alignment * alignment);
  if ((size_t)(start - base) < sizeof(block)) start += alignment;
  ((block *)(void *)start)[-1] = (block){base, bytes};
  heap.live++;
  return start;
}

static VKAPI_ATTR void VKAPI_CALL heap_free(void *user, void *memory) {
  (void)user;
  if (!memory) return;
  heap.live--;
  free(((block *)memory)[-1].base);
}

static VKAPI_ATTR void *VKAPI_CALL heap_reallocate(void *user, void *old, size_t bytes, size_t alignment,
                                                   VkSystemAllocationScope scope) {
  if (!old) return heap_allocate(user, bytes, alignment, scope);
  void *grown = bytes ? heap_allocate(user, bytes, alignment, scope) : NULL;
  if (bytes && !grown) return NULL;
  size_t kept = ((block *)old)[-1].bytes;
  if (grown) memcpy(grown, old, kept < bytes ? kept : bytes);
  heap_free(user, old);
  return grown;
}

static const VkAllocationCallbacks callbacks = {
    .pfnAllocation = heap_allocate, .pfnReallocation = heap_reallocate, .pfnFree = heap_free};

// ---------------------------------------------------------------------------------------------------------------------
// Everything that a game does, from adopting to destroying; the first failure ends it early.

static host the_host;
static uint8_t *weights_data;
static size_t weights_length;

static int open_host(void **state) {
  (void)state;
  the_host = host_open();
  VkPhysicalDeviceProperties properties;
  vkGetPhysicalDeviceProperties(the_host.physical, &properties);
  layer.period = (double)properties.limits.timestampPeriod;
  weights *w = weights_make(&SMALL_MODEL);
  weights_data = weights_bytes(w, &weights_length);
  weights_free(&w);
  return 0;
}

static int close_host(void **state) {
  (void)state;
  free(weights_data);
  host_close(&the_host);
  return 0;
}

// Counts anew, with nothing made to fail; what is alive stays counted.
static void restart(void) {
  heap.calls = heap.fail_at = 0;
  layer.calls = layer.fail_at = layer.creations = layer.refuse_at = layer.submits = layer.lost_at = 0;
  layer.lost = false;
}

static void reset(void) {
  double period = layer.period;
  memset(&layer, 0, sizeof layer);
  memset(&heap, 0, sizeof heap);
  layer.period = period;
}

static mote_device_adopt_desc injected(void) {
  mote_device_adopt_desc desc = host_desc(&the_host);
  desc.get_instance_proc_addr = get_instance_function;
  desc.staging = true;
  desc.allocator = &callbacks;
  return desc;
}

static mote_status sample(mote_model *model, float *images, mote_error *error) {
  mote_sampler *sampler = NULL;
  const mote_sampler_desc desc = {.model = model, .batch = 2, .steps = 3, .recorded = true};
  mote_status status = mote_sampler_create(&desc, &sampler, error);
  if (!status) {
    host_begin(&the_host);
    status = mote_sampler_record_begin(sampler, the_host.commands, &(mote_sampler_request){.seed = 1}, error);
    if (!status) status = mote_sampler_record(sampler, the_host.commands, 0, MOTE_NO_BUDGET, NULL, error);
    host_submit(&the_host);
  }
  if (!status) status = mote_sampler_read(sampler, images, error);
  mote_sampler_destroy(&sampler);
  assert_null(sampler);
  return status;
}

static mote_status make_trainer(mote_device *device, mote_trainer **trainer, mote_error *error) {
  static const uint8_t pixels[4 * IMAGE];
  const mote_trainer_desc desc = {.device = device,
                                  .model = {.channels = 3, .height = HEIGHT, .n_feat = 8, .n_cfeat = 2},
                                  .data = {4, pixels, NULL},
                                  .batch = 2,
                                  .total_steps = 9,
                                  .recorded = true};
  return mote_trainer_create(&desc, trainer, error);
}

static mote_status train(mote_device *device, mote_error *error) {
  mote_trainer *trainer = NULL;
  mote_status status = make_trainer(device, &trainer, error);
  if (!status) status = mote_trainer_run(trainer, 1, NULL, error);
  mote_trainer_destroy(&trainer);
  return status;
}

// On a device that lasts: its kernels stay, so that all but the first time is quick.
static mote_status play_on(mote_device *device, bool training, float *images, mote_error *error) {
  mote_model *model = NULL;
  mote_status status = mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, error);
  if (!status) status = sample(model, images, error);
  mote_model_destroy(&model);
  if (!status && training) status = train(device, error);
  assert_int_equal(mote_device_get_counters(device).memory_bytes, 0);
  return status;
}

static mote_status play(float *images, mote_error *error) {
  mote_device *device = NULL;
  const mote_device_adopt_desc desc = injected();
  mote_status status = mote_device_adopt(&desc, &device, error);
  if (!status) status = play_on(device, false, images, error);
  mote_device_destroy(&device);
  return status;
}

// Plays again and again, each time with the next call of one kind failing, until none fails: first on one device that
// has all its kernels, then from adopting on: every `early`th call, and of what makes kernels every `stride`th.
static void fail_everywhere(int *fail_at, const int *calls, int early, int stride) {
  float expected[2 * IMAGE], images[2 * IMAGE];
  mote_error error = {0};
  mote_device *device;
  reset();
  const mote_device_adopt_desc desc = injected();
  MUST(mote_device_adopt(&desc, &device, &error));
  const int adopting = *calls;
  MUST(play_on(device, true, expected, &error));
  int blocks = heap.live, failures = 0, last = 1;
  assert_int_equal(layer.live_memory, 0);
  for (int at = 1; at <= last; at += early) {
    restart();
    *fail_at = at;
    mote_status status = play_on(device, true, images, &error);
    if (*calls >= at) last = at + early;  // it was reached
    if (status != MOTE_OK && status != MOTE_ERROR_MEMORY) fail_msg("failure %d: %s", at, error.message);
    if (heap.live != blocks) fail_msg("%d blocks are left after failure %d", heap.live - blocks, at);
    assert_int_equal(layer.live_memory, 0);
    failures += status != MOTE_OK;
  }
  assert_true(failures > 10);
  mote_device_destroy(&device);
  assert_int_equal(heap.live, 0);
  last = 1;
  for (int at = 1; at <= last; at += at < adopting ? early : stride) {
    restart();
    *fail_at = at;
    mote_status status = play(images, &error);
    if (*calls >= at) last = at + stride;
    if (status != MOTE_OK && status != MOTE_ERROR_MEMORY) fail_msg("failure %d: %s", at, error.message);
    if (heap.live) fail_msg("%d blocks are left after failure %d", heap.live, at);
    assert_int_equal(layer.live_memory, 0);
  }
  assert_memory_equal(images, expected, sizeof images);  // nothing failed the last time
}

static void device_memory_may_run_out_anywhere(void **state) {
  (void)state;
  fail_everywhere(&layer.fail_at, &layer.calls, 1, 1);
}

static void host_memory_may_run_out_anywhere(void **state) {
  (void)state;
  const char *early = getenv("MOTE_TEST_EARLY");  // where each takes long, as under the sanitizers
  fail_everywhere(&heap.fail_at, &heap.calls, early ? atoi(early) : 1, 61);
}

static void every_object_may_be_refused(void **state) {
  (void)state;
  fail_everywhere(&layer.refuse_at, &layer.creations, 1, 61);
}

// What was submitted still runs: nothing that it uses may be freed before it is known to have ended.
static void every_wait_may_fail(void **state) {
  (void)state;
  static const struct {
    VkResult result;
    mote_status status;
    const char *message;
  } failures[] = {{VK_ERROR_OUT_OF_HOST_MEMORY, MOTE_ERROR_MEMORY, "vkWaitForFences: out of host memory"},
                  {VK_ERROR_OUT_OF_DEVICE_MEMORY, MOTE_ERROR_MEMORY, "vkWaitForFences: out of device memory"},
                  {VK_ERROR_DEVICE_LOST, MOTE_ERROR_DEVICE_LOST, "vkWaitForFences: device lost"},
                  {VK_ERROR_UNKNOWN, MOTE_ERROR_DEVICE, "vkWaitForFences"}};
  float expected[2 * IMAGE], images[2 * IMAGE];
  mote_error error = {0};
  mote_device *device;
  reset();
  const mote_device_adopt_desc desc = injected();
  MUST(mote_device_adopt(&desc, &device, &error));
  MUST(play_on(device, true, expected, &error));
  const int waits = layer.fence_waits;
  assert_true(waits > 4);
  for (size_t k = 0; k < COUNT(failures); k++)
    for (int at = 1; at <= waits; at++) {
      restart();
      layer.fence_waits = 0;
      layer.wait_at = at;
      layer.wait_result = failures[k].result;
      const mote_status status = play_on(device, true, images, &error);
      if (layer.freed_early) fail_msg("wait %d: memory was freed under work that ran", at);
      assert_int_equal(status, failures[k].status);
      assert_contains(error.message, failures[k].message);
      assert_int_equal(layer.live_memory, 0);
    }
  layer.wait_at = 0;
  MUST(play_on(device, true, images, &error));
  assert_memory_equal(images, expected, sizeof images);
  mote_device_destroy(&device);
  assert_int_equal(heap.live, 0);
}

static void a_lost_device_is_a_status_and_can_be_made_anew(void **state) {
  (void)state;
  float expected[2 * IMAGE], images[2 * IMAGE];
  mote_error error = {0};
  reset();
  layer.lost_at = 1 << 30;
  assert_int_equal(play(expected, &error), MOTE_OK);
  int submits = layer.submits;
  assert_true(submits > 2);
  for (int at = 1; at <= submits; at++) {
    reset();
    layer.lost_at = at;
    assert_int_equal(play(images, &error), MOTE_ERROR_DEVICE_LOST);
    assert_contains(error.message, "vkQueueSubmit: device lost");
    assert_int_equal(heap.live, 0);
    assert_int_equal(layer.live_memory, 0);
  }
  host_close(&the_host);
  the_host = host_open();
  reset();
  assert_int_equal(play(images, &error), MOTE_OK);
  assert_memory_equal(images, expected, sizeof images);
}

// ---------------------------------------------------------------------------------------------------------------------
// The budget

// Whether frames are dropped, so that their laps are never known; else they are by the next frame.
static bool dropped;

static void end_frame(void) {
  if (dropped)
    VK_MUST(vkResetCommandBuffer(the_host.commands, 0));
  else
    host_submit(&the_host);
}

static mote_recorded record(mote_sampler *sampler, double budget) {
  mote_error error = {0};
  mote_recorded recorded;
  host_begin(&the_host);
  MUST(mote_sampler_record(sampler, the_host.commands, 0, budget, &recorded, &error));
  end_frame();
  return recorded;
}

static mote_recorded record_lap(mote_sampler *sampler, double budget, double lap) {
  layer.lap = lap;
  return record(sampler, budget);
}

static void begin_run(mote_sampler *sampler) {
  mote_error error = {0};
  host_begin(&the_host);
  MUST(mote_sampler_record_begin(sampler, the_host.commands, &(mote_sampler_request){.seed = 2}, &error));
  end_frame();
}

static void a_budget_is_kept_by_what_was_measured(void **state) {
  (void)state;
  mote_error error = {0};
  reset();
  layer.fakes_clock = true;
  const mote_device_adopt_desc desc = injected();
  mote_device *device;
  mote_model *model;
  mote_sampler *sampler;
  MUST(mote_device_adopt(&desc, &device, &error));
  MUST(mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, &error));
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 100, .recorded = true}, &sampler, &error));
  dropped = true;
  begin_run(sampler);
  assert_int_equal(record(sampler, 5000).steps, 0);             // what the beginning costs is not known
  assert_int_equal(record(sampler, 5000).steps, 1);             // what a step costs is not known
  assert_int_equal(record(sampler, 5000).steps, 1);
  dropped = false;
  layer.lap = 1000;
  begin_run(sampler);
  mote_recorded first = record(sampler, 5000);                  // the beginning took 1 ms
  assert_int_equal(first.steps, 1);
  assert_true(fabs(first.begin_microseconds - 1000) < 1 && first.step_microseconds == 0);
  mote_recorded second = record_lap(sampler, 5000, 10000);      // and so did the step
  assert_int_equal(second.steps, 5);
  assert_true(fabs(second.step_microseconds - 1000) < 1);
  assert_int_equal(second.steps_left, 94);
  assert_int_equal(record_lap(sampler, 5000, 2000).steps, 2);   // those five took 2 ms each: it rises at once
  assert_int_equal(record_lap(sampler, 1000, 100).steps, 1);    // one step even where it does not fit
  mote_recorded fallen = record(sampler, 5000);                 // and falls slowly
  assert_true(fallen.step_microseconds > 1000 && fallen.step_microseconds < 2000);
  dropped = true;
  begin_run(sampler);
  mote_recorded after = record(sampler, 5000);                  // a beginning counts against the budget
  assert_true(after.steps == (int)((5000 - after.begin_microseconds) / after.step_microseconds));
  begin_run(sampler);
  assert_int_equal(record(sampler, 500).steps, 0);
  assert_int_equal(record(sampler, 500).steps, 1);
  dropped = false;
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
}

// The driver says of every query that it is not ready; nothing asks it, and the device's own clock is known all the same.
static void no_record_waits_or_asks_the_driver(void **state) {
  (void)state;
  mote_error error = {0};
  reset();
  const mote_device_adopt_desc desc = injected();
  mote_device *device;
  mote_model *model;
  mote_sampler *sampler;
  mote_trainer *trainer = NULL;
  host_buffer buffer = host_buffer_make(&the_host, 2 * HEIGHT * HEIGHT * 4);
  host_image image = host_image_make(&the_host, VK_FORMAT_R8G8B8A8_UNORM, HEIGHT, 2);
  const mote_image_output output = {
      .image = image.handle, .format = VK_FORMAT_R8G8B8A8_UNORM, .width = HEIGHT, .height = HEIGHT,
      .array_layers = 2, .new_layout = VK_IMAGE_LAYOUT_GENERAL};
  MUST(mote_device_adopt(&desc, &device, &error));
  MUST(mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, &error));
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .batch = 2, .steps = 40, .recorded = true}, &sampler, &error));
  MUST(make_trainer(device, &trainer, &error));
  mote_recorded last = {0};
  for (int frame = 0; frame < 10; frame++) {
    uint32_t count;
    host_begin(&the_host);
    layer.waits = 0;
    if (frame % 5 == 0) MUST(mote_sampler_record_begin(sampler, the_host.commands, &(mote_sampler_request){.seed = 2}, &error));
    MUST(mote_sampler_record(sampler, the_host.commands, 0, 100, &last, &error));
    MUST(mote_sampler_record_image(sampler, the_host.commands, &output, &error));
    MUST(mote_sampler_record_buffer(sampler, the_host.commands, buffer.handle, 0, &error));
    if (frame % 5 == 0) MUST(mote_trainer_record(trainer, the_host.commands, 1, &error));
    assert_int_equal(layer.waits, 0);
    host_submit(&the_host);
    MUST(mote_trainer_collect(trainer, NULL, 0, &count, &error));
    if (frame % 5 == 4) mote_sampler_cancel(sampler);
    assert_int_equal(layer.waits, 0);
  }
  assert_true(!mote_device_get_info(device)->timestamps || (last.step_microseconds > 0 && last.begin_microseconds > 0));
  mote_trainer_destroy(&trainer);
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  host_buffer_free(&the_host, &buffer);
  host_image_free(&the_host, &image);
}

// Three samplers, one of them of a batch that takes thrice the time, under one budget.
static void samplers_share_a_budget_fairly(void **state) {
  (void)state;
  mote_error error = {0};
  reset();
  layer.fakes_clock = true;
  const mote_device_adopt_desc desc = injected();
  mote_device *device;
  mote_model *model;
  mote_sampler *samplers[3];
  mote_recorded recorded[3];
  MUST(mote_device_adopt(&desc, &device, &error));
  MUST(mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, &error));
  static const double costs[] = {1000, 1000, 3000};
  for (int i = 0; i < 3; i++) {  // every sampler learns what its steps cost
    MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 100, .recorded = true}, &samplers[i], &error));
    layer.lap = costs[i];
    begin_run(samplers[i]);
    assert_int_equal(record(samplers[i], 100).steps, 0);
    assert_int_equal(record(samplers[i], 100).steps, 1);
  }
  static const double budgets[] = {0, 500, 3000, 12000};
  static const int frames[] = {3, 9, 9, 3};
  // Nothing; one step a frame, though none fits; as much time for each, over some frames and in every one.
  static const int expected[][3] = {{0, 0, 0}, {4, 4, 1}, {9, 9, 3}, {12, 12, 4}};
  for (size_t b = 0; b < COUNT(budgets); b++) {
    int steps[3] = {0};
    for (int frame = 0; frame < frames[b]; frame++) {
      double cost = 0, longest = 0;
      host_begin(&the_host);
      dropped = true;  // so that what a step is expected to cost stays
      MUST(mote_samplers_record(samplers, 3, the_host.commands, budgets[b], recorded, &error));
      end_frame();
      for (int i = 0; i < 3; i++) {
        steps[i] += recorded[i].steps;
        cost += recorded[i].steps * costs[i];
        if (recorded[i].steps && costs[i] > longest) longest = costs[i];
      }
      if (cost > budgets[b] + longest) fail_msg("%g us recorded under a budget of %g", cost, budgets[b]);
    }
    for (int i = 0; i < 3; i++)
      if (abs(steps[i] - expected[b][i]) > (b > 1))
        fail_msg("budget %g: sampler %d took %d steps, expected %d", budgets[b], i, steps[i], expected[b][i]);
  }
  host_begin(&the_host);
  MUST(mote_samplers_record(samplers, 3, the_host.commands, MOTE_NO_BUDGET, recorded, &error));
  end_frame();
  dropped = false;
  for (int i = 0; i < 3; i++) assert_int_equal(recorded[i].steps_left, 0);
  assert_int_equal(record(samplers[0], MOTE_NO_BUDGET).steps, 0);
  for (int i = 0; i < 3; i++) mote_sampler_destroy(&samplers[i]);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
}

static void a_budget_of_nothing_records_nothing(void **state) {
  (void)state;
  mote_error error = {0};
  reset();
  mote_device *device = host_adopt(&the_host);
  mote_model *model;
  mote_sampler *sampler;
  MUST(mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, &error));
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 20, .recorded = true}, &sampler, &error));
  begin_run(sampler);
  for (int i = 0; i < 3; i++) assert_int_equal(record(sampler, 0).steps, 0);
  assert_int_equal(record(sampler, 1e-9).steps, 1);
  assert_int_equal(record(sampler, -1e-9).steps, 19);
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
}

// The cost of a step drifts by up to 3 % a frame, as a device's clock does.
static void no_frame_costs_more_than_its_budget_and_a_step(void **state) {
  (void)state;
  mote_error error = {0};
  reset();
  layer.fakes_clock = true;
  const mote_device_adopt_desc desc = injected();
  mote_device *device;
  mote_model *model;
  mote_sampler *sampler;
  MUST(mote_device_adopt(&desc, &device, &error));
  MUST(mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, &error));
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 500, .recorded = true}, &sampler, &error));
  layer.step_dispatches = mote_sampler_get_info(sampler).dispatches;
  layer.lap = 1000;
  begin_run(sampler);
  record(sampler, 5000);
  int steps = 0, frames = 0;
  for (mote_recorded last = {.steps_left = 500}; last.steps_left > 10; frames++) {
    double step = 1000 * (1 + 0.3 * sin(frames / 10.0));
    last = record_lap(sampler, 5000, step);
    double cost = last.steps * step;
    if (frames && cost > 5000 + step) fail_msg("frame %d: %d steps of %.0f us", frames, last.steps, step);
    steps += last.steps;
  }
  assert_true(steps > 3 * frames);  // and the budget is made use of
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
}

static void dropped_records_do_not_stop_the_clock(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *device = host_adopt(&the_host);
  mote_model *model;
  mote_sampler *sampler;
  MUST(mote_model_load_memory(device, "test.st", weights_data, weights_length, &model, &error));
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 300, .recorded = true}, &sampler, &error));
  for (int i = 0; i < 3; i++) {
    host_begin(&the_host);
    MUST(mote_sampler_record_begin(sampler, the_host.commands, &(mote_sampler_request){.seed = 2}, &error));
    VK_MUST(vkResetCommandBuffer(the_host.commands, 0));
  }
  begin_run(sampler);
  mote_recorded last = {0};
  for (int i = 0; i < 60; i++) last = record(sampler, 1);
  assert_true(!mote_device_get_info(device)->timestamps || last.step_microseconds > 0);
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
}

// What the driver leaves the process is what training is refused by, before it takes anything.
static void what_others_hold_of_the_heap_counts(void **state) {
  (void)state;
  static const uint8_t images[4 * IMAGE];
  mote_error error = {0};
  mote_device *device;
  mote_trainer *trainer;
  layer.calls = 0;
  layer.budget = (VkDeviceSize)256 << 20;
  layer.usage = (VkDeviceSize)253 << 20;
  const mote_device_adopt_desc adopt = injected();
  MUST(mote_device_adopt(&adopt, &device, &error));
  assert_int_equal(mote_device_get_memory(device).free_bytes, 3 << 20);
  const mote_trainer_desc desc = {.device = device,
                                  .model = {.channels = 3, .height = HEIGHT, .n_feat = 8, .n_cfeat = 2},
                                  .data = {4, images, NULL},
                                  .batch = 64,
                                  .lr_schedule = MOTE_LR_CONSTANT};
  mote_trainer_create(&desc, &trainer, &error);
  assert_error(&error, MOTE_ERROR_MEMORY, "of which 3.0 MiB are free");
  assert_int_equal(layer.calls, 0);
  layer.usage = 0;
  MUST(mote_trainer_create(&desc, &trainer, &error));
  mote_trainer_destroy(&trainer);
  mote_device_destroy(&device);
  layer.budget = 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_others_hold_of_the_heap_counts),
      cmocka_unit_test(device_memory_may_run_out_anywhere),
      cmocka_unit_test(host_memory_may_run_out_anywhere),
      cmocka_unit_test(every_object_may_be_refused),
      cmocka_unit_test(every_wait_may_fail),
      cmocka_unit_test(a_budget_is_kept_by_what_was_measured),
      cmocka_unit_test(samplers_share_a_budget_fairly),
      cmocka_unit_test(a_budget_of_nothing_records_nothing),
      cmocka_unit_test(no_record_waits_or_asks_the_driver),
      cmocka_unit_test(no_frame_costs_more_than_its_budget_and_a_step),
      cmocka_unit_test(dropped_records_do_not_stop_the_clock),
      cmocka_unit_test(a_lost_device_is_a_status_and_can_be_made_anew),
  };
  return cmocka_run_group_tests(tests, open_host, close_host);
}

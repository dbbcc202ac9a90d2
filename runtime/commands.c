// commands.c: records dispatches into a command buffer. Barriers between dispatches are emitted here alone; record.c emits those
// around what a host records, buffer.c those between copies, device.c the one before the host reads.
//
// Hazards: since the last barrier, every byte range that a dispatch read or wrote is remembered. The next dispatch
// needs a barrier exactly when one of its ranges overlaps a remembered one and either of the two is a write. Placed as
// late as possible, one barrier serves all hazards pending, so for a given order of dispatches their number is least.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/list.h"
#include "runtime/record.h"
#include "runtime/vulkan.h"

enum { SETS_A_POOL = 64, LABEL_DEPTH = 8, LABEL_BYTES = 96 };

typedef struct access {
  const buffer *buffer;
  size_t begin, end;
  bool write;
} access;

// A dispatch as it stands in the command buffer, to be recorded into a host's as well.
typedef struct entry {
  const pipeline *pipeline;
  VkDescriptorSet set;
  bool barrier;  // before it
  const char *label;
  uint32_t push_bytes;
  unsigned char push[MAX_PUSH_BYTES];
  uint32_t groups[3];
} entry;

struct commands {
  mote_device *device;
  VkCommandPool pool;
  VkCommandBuffer handle;
  entry *entries;  // info.dispatches of them
  VkDescriptorPool *descriptor_pools;
  uint32_t descriptor_pool_count, sets_left;
  VkBufferView *views;
  uint32_t view_count;
  access *pending;  // since the last barrier
  uint32_t pending_count;
  VkQueryPool queries;  // two timestamps a dispatch; timed commands only
  bool timed;
  char label[LABEL_BYTES];  // the region that is open, "" for none
  commands_info info;
};

static void emit_barrier(commands *commands, VkCommandBuffer into) {
  const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                   .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                   .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
  commands->device->vk.vkCmdPipelineBarrier(into, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
  commands->device->counters.barriers_recorded++;
}

static bool conflicts(const access *a, const access *b) {
  return a->buffer == b->buffer && (a->write || b->write) && a->begin < b->end && b->begin < a->end;
}

// `*hazard`: whether a barrier belongs in front of the dispatch.
static mote_status order_accesses(commands *commands, const dispatch *dispatch, bool *hazard, mote_error *error) {
  access accesses[MAX_BINDINGS];
  uint32_t count = 0;
  *hazard = false;
  for (uint32_t i = 0; i < dispatch->binding_count; i++) {
    const spirv_binding *declared = &dispatch->pipeline->interface.bindings[i];
    const binding *bound = &dispatch->bindings[i];
    if (!declared->kind) continue;
    access *a = &accesses[count++];
    *a = (access){bound->buffer, bound->offset, bound->offset + bound->bytes, declared->writes};
    for (uint32_t j = 0; j < commands->pending_count && !*hazard; j++) *hazard = conflicts(a, &commands->pending[j]);
  }
  if (*hazard) commands->pending_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!LIST_ROOM(commands->pending, commands->pending_count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
    commands->pending[commands->pending_count++] = accesses[i];
  }
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Regions and names

static bool device_has_regions(const mote_device *device) {
  const instance_functions *vk = &device->instance_vk;
  return device->debug_utils && vk->vkCmdBeginDebugUtilsLabelEXT && vk->vkCmdEndDebugUtilsLabelEXT;
}

void record_open_region(const mote_device *device, VkCommandBuffer into, const char *name) {
  if (!device_has_regions(device)) return;
  const VkDebugUtilsLabelEXT label = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT, .pLabelName = name};
  device->instance_vk.vkCmdBeginDebugUtilsLabelEXT(into, &label);
}

void record_close_region(const mote_device *device, VkCommandBuffer into) {
  if (!device_has_regions(device)) return;
  device->instance_vk.vkCmdEndDebugUtilsLabelEXT(into);
}

// Opens and closes debug regions so that the open ones are the folders of `path`.
static void move_to_region(commands *commands, VkCommandBuffer into, const char *path) {
  const mote_device *device = commands->device;
  if (!device_has_regions(device)) return;
  char *open = commands->label;
  size_t common = 0;  // bytes of the shared path, cut at a '/'
  for (size_t i = 0;; i++) {
    bool open_ends = !open[i] || open[i] == '/', path_ends = !path[i] || path[i] == '/';
    if (open_ends && path_ends) common = i;
    if (!open[i] || open[i] != path[i]) break;
  }
  if (open[0] && common < strlen(open)) {
    uint32_t closing = 1;
    for (const char *c = open + common + (common > 0); *c; c++) closing += *c == '/';
    while (closing--) record_close_region(device, into);
  }
  open[common] = 0;
  while (path[common]) {
    size_t start = common + (path[common] == '/');
    size_t length = strcspn(path + start, "/");
    char name[LABEL_BYTES] = {0};
    memcpy(name, path + start, length < sizeof name - 1 ? length : sizeof name - 1);
    record_open_region(device, into, name);
    common = start + length;
  }
  strncpy(open, path, LABEL_BYTES - 1);
}

// ---------------------------------------------------------------------------------------------------------------------
// Descriptors

static mote_status add_descriptor_pool(commands *commands, mote_error *error) {
  mote_device *device = commands->device;
  if (!LIST_ROOM(commands->descriptor_pools, commands->descriptor_pool_count))
    return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const VkDescriptorPoolSize sizes[] = {
      {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS_A_POOL * MAX_BINDINGS},
      {VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER, SETS_A_POOL * MAX_BINDINGS}};
  const VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                           .maxSets = SETS_A_POOL,
                                           .poolSizeCount = 2,
                                           .pPoolSizes = sizes};
  VkDescriptorPool pool;
  TRY(CHECK(error, device->vk.vkCreateDescriptorPool(device->handle, &info, device->allocator, &pool)));
  commands->descriptor_pools[commands->descriptor_pool_count++] = pool;
  commands->sets_left = SETS_A_POOL;
  return MOTE_OK;
}

static mote_status add_view(commands *commands, const dispatch *dispatch, uint32_t index, VkBufferView *out,
                            mote_error *error) {
  const binding *bound = &dispatch->bindings[index];
  mote_device *device = commands->device;
  if (!LIST_ROOM(commands->views, commands->view_count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const VkBufferViewCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
      .buffer = bound->buffer->handle,
      .format = VK_FORMAT_R32G32B32A32_SFLOAT,
      .offset = bound->offset,
      .range = bound->bytes};
  TRY(CHECK(error, device->vk.vkCreateBufferView(device->handle, &info, device->allocator, out)));
  commands->views[commands->view_count++] = *out;
  if (dispatch->names[index])
    device_name_object(device, VK_OBJECT_TYPE_BUFFER_VIEW, (uint64_t)(uintptr_t)*out, dispatch->names[index]);
  return MOTE_OK;
}

static mote_status write_set(commands *commands, const dispatch *dispatch, VkDescriptorSet set, mote_error *error) {
  VkDescriptorBufferInfo buffers[MAX_BINDINGS];
  VkBufferView views[MAX_BINDINGS];
  VkWriteDescriptorSet writes[MAX_BINDINGS];
  uint32_t count = 0;
  for (uint32_t i = 0; i < MAX_BINDINGS; i++) {
    spirv_binding_kind kind = dispatch->pipeline->interface.bindings[i].kind;
    if (!kind) continue;
    if (i >= dispatch->binding_count || !dispatch->bindings[i].buffer)
      return fail(error, MOTE_ERROR_USAGE, "shader %s: nothing is bound at binding %u",
                  dispatch->pipeline->shader->name, i);
    const binding *bound = &dispatch->bindings[i];
    VkWriteDescriptorSet *write = &writes[count++];
    *write = (VkWriteDescriptorSet){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = set, .dstBinding = i, .descriptorCount = 1};
    if (kind == SPIRV_BINDING_STORAGE_BUFFER) {
      buffers[i] = (VkDescriptorBufferInfo){bound->buffer->handle, bound->offset, bound->bytes};
      write->descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
      write->pBufferInfo = &buffers[i];
    } else {
      TRY(add_view(commands, dispatch, i, &views[i], error));
      write->descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER;
      write->pTexelBufferView = &views[i];
    }
  }
  commands->device->vk.vkUpdateDescriptorSets(commands->device->handle, count, writes, 0, NULL);
  commands->device->counters.descriptor_writes += count;
  return MOTE_OK;
}

// "down1/model.0/conv1: x, weight, bias": the layer, and what is bound, in the order of the bindings.
static void name_set(mote_device *device, const dispatch *dispatch, VkDescriptorSet set) {
  char text[512];
  const char *separator = ": ";
  size_t used = (size_t)snprintf(text, sizeof text, "%s", dispatch->label);
  for (uint32_t i = 0; i < dispatch->binding_count && used < sizeof text; i++) {
    if (!dispatch->names[i]) continue;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", separator, dispatch->names[i]);
    separator = ", ";
  }
  device_name_object(device, VK_OBJECT_TYPE_DESCRIPTOR_SET, (uint64_t)(uintptr_t)set, text);
}

static mote_status make_set(commands *commands, const dispatch *dispatch, VkDescriptorSet *set, mote_error *error) {
  mote_device *device = commands->device;
  if (commands->sets_left == 0) TRY(add_descriptor_pool(commands, error));
  const VkDescriptorSetAllocateInfo allocate = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
      .descriptorPool = commands->descriptor_pools[commands->descriptor_pool_count - 1],
      .descriptorSetCount = 1,
      .pSetLayouts = &dispatch->pipeline->set_layout};
  TRY(CHECK(error, device->vk.vkAllocateDescriptorSets(device->handle, &allocate, set)));
  commands->sets_left--;
  return write_set(commands, dispatch, *set, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Recording

mote_status commands_create(mote_device *device, const char *name, bool timed, commands **out, mote_error *error) {
  *out = NULL;
  commands *made = calloc(1, sizeof *made);
  if (!made) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  made->device = device;
  made->timed = timed && device->info.timestamps;
  mote_status status;
  const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .queueFamilyIndex = device->queue_family};
  TRY_GOTO(failed, CHECK(error, device->vk.vkCreateCommandPool(device->handle, &pool, device->allocator, &made->pool)));
  const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = made->pool,
                                                .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                .commandBufferCount = 1};
  TRY_GOTO(failed, CHECK(error, device->vk.vkAllocateCommandBuffers(device->handle, &allocate, &made->handle)));
  device_name_object(device, VK_OBJECT_TYPE_COMMAND_BUFFER, (uint64_t)(uintptr_t)made->handle, name);
  // Replays follow each other in one submission, so the same buffer is pending several times.
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                          .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT};
  TRY_GOTO(failed, CHECK(error, device->vk.vkBeginCommandBuffer(made->handle, &begin)));
  device->counters.commands_begun++;
  if (made->timed) {
    const VkQueryPoolCreateInfo queries = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                           .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                           .queryCount = 2 * MAX_TIMED_DISPATCHES};
    TRY_GOTO(failed, CHECK(error, device->vk.vkCreateQueryPool(device->handle, &queries, device->allocator,
                                                               &made->queries)));
    device->vk.vkCmdResetQueryPool(made->handle, made->queries, 0, 2 * MAX_TIMED_DISPATCHES);
  }
  made->info.barriers++;
  emit_barrier(made, made->handle);  // against whatever ran before: another replay of this buffer, or other commands
  *out = made;
  return MOTE_OK;
failed:
  commands_destroy(&made);
  return status;
}

void commands_destroy(commands **pointer) {
  commands *commands = *pointer;
  *pointer = NULL;
  if (!commands) return;
  mote_device *device = commands->device;
  for (uint32_t i = 0; i < commands->view_count; i++)
    device->vk.vkDestroyBufferView(device->handle, commands->views[i], device->allocator);
  // Mesa's CPU driver keeps the names of sets that go with their pool: taken away first, nothing leaks.
  for (uint32_t i = 0; i < commands->info.dispatches; i++)
    device_name_object(device, VK_OBJECT_TYPE_DESCRIPTOR_SET, (uint64_t)(uintptr_t)commands->entries[i].set, NULL);
  for (uint32_t i = 0; i < commands->descriptor_pool_count; i++)
    device->vk.vkDestroyDescriptorPool(device->handle, commands->descriptor_pools[i], device->allocator);
  device->vk.vkDestroyQueryPool(device->handle, commands->queries, device->allocator);
  device->vk.vkDestroyCommandPool(device->handle, commands->pool, device->allocator);
  free(commands->views);
  free(commands->descriptor_pools);
  free(commands->pending);
  free(commands->entries);
  free(commands);
}

static void emit_dispatch(mote_device *device, const entry *entry, VkCommandBuffer into) {
  const pipeline *pipeline = entry->pipeline;
  device->vk.vkCmdBindPipeline(into, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
  device->vk.vkCmdBindDescriptorSets(into, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, &entry->set, 0, NULL);
  if (entry->push_bytes)
    device->vk.vkCmdPushConstants(into, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, entry->push_bytes, entry->push);
  record_open_region(device, into, pipeline->shader->name);
  device->vk.vkCmdDispatch(into, entry->groups[0], entry->groups[1], entry->groups[2]);
  record_close_region(device, into);
  device->counters.dispatches_recorded++;
}

mote_status commands_dispatch(commands *commands, const dispatch *dispatch, mote_error *error) {
  mote_device *device = commands->device;
  const pipeline *pipeline = dispatch->pipeline;
  if (dispatch->push_bytes != pipeline->interface.push_bytes)
    return fail(error, MOTE_ERROR_USAGE, "shader %s: %u bytes of push constants, its SPIR-V declares %u",
                pipeline->shader->name, dispatch->push_bytes, pipeline->interface.push_bytes);
  for (int i = 0; i < 3; i++)
    if (dispatch->groups[i] == 0 || dispatch->groups[i] > device->caps.max_groups[i])
      return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: %u workgroups along %c, the device takes 1 to %u", dispatch->label,
                  dispatch->groups[i], "xyz"[i], device->caps.max_groups[i]);
  uint32_t index = commands->info.dispatches;
  if (!LIST_ROOM(commands->entries, index)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  entry *entry = &commands->entries[index];
  *entry = (struct entry){.pipeline = pipeline, .label = dispatch->label, .push_bytes = dispatch->push_bytes};
  memcpy(entry->groups, dispatch->groups, sizeof entry->groups);
  if (entry->push_bytes) memcpy(entry->push, dispatch->push, entry->push_bytes);
  TRY(order_accesses(commands, dispatch, &entry->barrier, error));
  TRY(make_set(commands, dispatch, &entry->set, error));
  if (entry->barrier) commands->info.barriers++;
  if (entry->barrier) emit_barrier(commands, commands->handle);
  move_to_region(commands, commands->handle, entry->label);
  bool timed = commands->timed && index < MAX_TIMED_DISPATCHES;
  if (timed)
    device->vk.vkCmdWriteTimestamp(commands->handle, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, commands->queries, 2 * index);
  emit_dispatch(device, entry, commands->handle);
  if (timed)
    device->vk.vkCmdWriteTimestamp(commands->handle, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, commands->queries,
                                   2 * index + 1);
  commands->info.dispatches++;
  name_set(device, dispatch, entry->set);
  return MOTE_OK;
}

void commands_record(commands *commands, VkCommandBuffer into) {
  emit_barrier(commands, into);
  for (uint32_t i = 0; i < commands->info.dispatches; i++) {
    const entry *entry = &commands->entries[i];
    if (entry->barrier) emit_barrier(commands, into);
    move_to_region(commands, into, entry->label);
    emit_dispatch(commands->device, entry, into);
  }
  move_to_region(commands, into, "");
}

mote_status commands_finish(commands *commands, mote_error *error) {
  move_to_region(commands, commands->handle, "");
  TRY(CHECK(error, commands->device->vk.vkEndCommandBuffer(commands->handle)));
  return device_check_validation(commands->device, error);
}

mote_status commands_run(commands *const *list, int count, uint32_t repeat, mote_error *error) {
  const uint32_t handle_count = (uint32_t)count * repeat;
  VkCommandBuffer *handles = malloc(handle_count * sizeof *handles);
  if (!handles) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (uint32_t i = 0; i < handle_count; i++) handles[i] = list[i % (uint32_t)count]->handle;
  mote_status status = device_submit(list[0]->device, handles, handle_count, error);
  free(handles);
  return status;
}

commands_info commands_get_info(const commands *commands) { return commands->info; }

mote_status commands_read_times(commands *commands, dispatch_time *times, mote_error *error) {
  mote_device *device = commands->device;
  if (!commands->timed) return fail(error, MOTE_ERROR_UNSUPPORTED, "the device's compute queue has no timestamps");
  for (uint32_t i = 0; i < commands->info.dispatches && i < MAX_TIMED_DISPATCHES; i++) {
    uint64_t ticks[2];
    TRY(CHECK(error, device->vk.vkGetQueryPoolResults(device->handle, commands->queries, 2 * i, 2, sizeof ticks, ticks,
                                                      8, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT)));
    times[i] = (dispatch_time){(double)ticks[0] * device->timestamp_period, (double)ticks[1] * device->timestamp_period};
  }
  return MOTE_OK;
}

double clock_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

// stopwatch.c: how long recorded stretches took, by timestamps read frames later without waiting.
//
// A ring of laps, two queries each. A lap's queries are reset in the command buffer that times it, which the device may
// not have reached when the host looks: a result that begins at the tick seen last is the previous round's.
#include <stdlib.h>

#include "runtime/record.h"
#include "runtime/vulkan.h"

enum { LAPS = 32 };

typedef struct lap {
  int tag;
  bool pending;    // recorded, not yet read
  bool abandoned;  // its slot was taken before it was read: the next result may be of the lap before
  uint64_t seen;   // tick at which the last result began
} lap;

struct stopwatch {
  mote_device *device;
  VkQueryPool queries;
  lap laps[LAPS];
  uint32_t next;    // to be started
  uint32_t oldest;  // to be read
};

static mote_status reset_all(stopwatch *stopwatch, mote_error *error) {
  mote_device *device = stopwatch->device;
  VkCommandBuffer commands;
  TRY(device_begin_once(device, &commands, error));
  device->vk.vkCmdResetQueryPool(commands, stopwatch->queries, 0, 2 * LAPS);
  return device_end_once(device, commands, error);
}

mote_status stopwatch_create(mote_device *device, stopwatch **out, mote_error *error) {
  *out = NULL;
  stopwatch *made = calloc(1, sizeof *made);
  if (!made) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  made->device = device;
  mote_status status = MOTE_OK;
  if (device->timestamp_bits) {
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = 2 * LAPS};
    status = CHECK(error, device->vk.vkCreateQueryPool(device->handle, &info, device->allocator, &made->queries));
    if (!status) status = reset_all(made, error);
  }
  if (status)
    stopwatch_destroy(&made);
  else
    *out = made;
  return status;
}

void stopwatch_destroy(stopwatch **pointer) {
  stopwatch *stopwatch = *pointer;
  *pointer = NULL;
  if (!stopwatch) return;
  mote_device *device = stopwatch->device;
  device->vk.vkDestroyQueryPool(device->handle, stopwatch->queries, device->allocator);
  free(stopwatch);
}

void stopwatch_start(stopwatch *stopwatch, int tag, VkCommandBuffer into) {
  if (!stopwatch->queries) return;
  uint32_t slot = stopwatch->next % LAPS;
  lap *lap = &stopwatch->laps[slot];
  if (lap->pending) {
    lap->abandoned = true;
    stopwatch->oldest = stopwatch->next - LAPS + 1;
  }
  lap->tag = tag;
  lap->pending = true;
  stopwatch->device->vk.vkCmdResetQueryPool(into, stopwatch->queries, 2 * slot, 2);
  // Behind the compute work before it, so that only what follows is measured.
  record_order(stopwatch->device, into, RECORD_COMPUTE | RECORD_TRANSFER, RECORD_COMPUTE | RECORD_TRANSFER);
  stopwatch->device->vk.vkCmdWriteTimestamp(into, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stopwatch->queries, 2 * slot);
}

void stopwatch_stop(stopwatch *stopwatch, VkCommandBuffer into) {
  if (!stopwatch->queries) return;
  uint32_t slot = stopwatch->next++ % LAPS;
  stopwatch->device->vk.vkCmdWriteTimestamp(into, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stopwatch->queries,
                                            2 * slot + 1);
}

bool stopwatch_read(stopwatch *stopwatch, stopwatch_lap *out) {
  mote_device *device = stopwatch->device;
  while (stopwatch->queries && stopwatch->oldest != stopwatch->next) {
    uint32_t slot = stopwatch->oldest % LAPS;
    lap *lap = &stopwatch->laps[slot];
    uint64_t ticks[4];  // begin, available, end, available
    VkResult result = device->vk.vkGetQueryPoolResults(
        device->handle, stopwatch->queries, 2 * slot, 2, sizeof ticks, ticks, 2 * sizeof *ticks,
        VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
    if (result < 0 || !ticks[1] || !ticks[3] || ticks[0] == lap->seen) return false;
    bool trusted = !lap->abandoned;
    lap->seen = ticks[0];
    lap->pending = lap->abandoned = false;
    stopwatch->oldest++;
    if (!trusted) continue;
    uint64_t mask = device->timestamp_bits < 64 ? (UINT64_C(1) << device->timestamp_bits) - 1 : UINT64_MAX;
    *out = (stopwatch_lap){(double)((ticks[2] - ticks[0]) & mask) * device->timestamp_period / 1000, lap->tag};
    return true;
  }
  return false;
}

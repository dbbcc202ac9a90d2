// stopwatch.c: how long recorded stretches took, by timestamps that come to the host by themselves.
//
// A ring of laps, two queries each. The command buffer that times a lap also copies its timestamps into memory that the host
// sees, and after them the lap's number: where the number stands, the lap is over. Drivers may wait in vkGetQueryPoolResults
// even where they are told not to, so the host only ever reads memory.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/record.h"
#include "runtime/vulkan.h"

enum { LAPS = 32 };

// As the device writes it.
typedef struct slot {
  uint64_t begin, end;  // ticks
  uint32_t number;      // of the lap that they are of
  uint32_t unused[3];
} slot;

typedef struct lap {
  int tag;
  uint32_t number;  // counts from 1
  bool pending;     // recorded, not yet read
} lap;

struct stopwatch {
  mote_device *device;
  VkQueryPool queries;  // VK_NULL_HANDLE: the queue has no timestamps
  buffer *slots;        // LAPS of them
  lap laps[LAPS];
  uint32_t started;     // laps, ever
};

mote_status stopwatch_measure(mote_device *device, uint64_t *bytes, mote_error *error) {
  *bytes = 0;
  return device->timestamp_bits ? buffer_measure(device, LAPS * sizeof(slot), bytes, error) : MOTE_OK;
}

static mote_status make_ring(stopwatch *stopwatch, mote_error *error) {
  static const slot none[LAPS];
  mote_device *device = stopwatch->device;
  const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                      .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                      .queryCount = 2 * LAPS};
  TRY(CHECK(error, device->vk.vkCreateQueryPool(device->handle, &info, device->allocator, &stopwatch->queries)));
  TRY(buffer_create_mapped(device, sizeof none, "laps", &stopwatch->slots, error));
  return buffer_upload(stopwatch->slots, 0, none, sizeof none, error);
}

mote_status stopwatch_create(mote_device *device, stopwatch **out, mote_error *error) {
  *out = NULL;
  stopwatch *made = calloc(1, sizeof *made);
  if (!made) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  made->device = device;
  mote_status status = device->timestamp_bits ? make_ring(made, error) : MOTE_OK;
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
  buffer_destroy(&stopwatch->slots);
  free(stopwatch);
}

void stopwatch_start(stopwatch *stopwatch, int tag, VkCommandBuffer into) {
  if (!stopwatch->queries) return;
  uint32_t index = stopwatch->started++ % LAPS;
  stopwatch->laps[index] = (lap){.tag = tag, .number = stopwatch->started, .pending = true};
  stopwatch->device->vk.vkCmdResetQueryPool(into, stopwatch->queries, 2 * index, 2);
  // After the compute work before it, so that only what follows is measured.
  record_order(stopwatch->device, into, RECORD_COMPUTE | RECORD_TRANSFER, RECORD_COMPUTE | RECORD_TRANSFER);
  stopwatch->device->vk.vkCmdWriteTimestamp(into, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stopwatch->queries, 2 * index);
}

// It is the device that waits for the timestamps, which it has just written.
void stopwatch_stop(stopwatch *stopwatch, VkCommandBuffer into) {
  if (!stopwatch->queries) return;
  mote_device *device = stopwatch->device;
  uint32_t index = (stopwatch->started - 1) % LAPS;
  size_t offset = index * sizeof(slot);
  device->vk.vkCmdWriteTimestamp(into, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stopwatch->queries, 2 * index + 1);
  record_order(device, into, RECORD_COMPUTE, RECORD_TRANSFER);
  device->vk.vkCmdCopyQueryPoolResults(into, stopwatch->queries, 2 * index, 2, stopwatch->slots->handle, offset,
                                       sizeof(uint64_t), VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
  record_order(device, into, RECORD_TRANSFER, RECORD_TRANSFER);
  record_update(stopwatch->slots, offset + offsetof(slot, number), &stopwatch->laps[index].number, sizeof(uint32_t), into);
  record_order(device, into, RECORD_TRANSFER, RECORD_HOST | RECORD_COMPUTE | RECORD_TRANSFER);
}

// Whether the device has finished the lap, whose ticks then lie in `ticks`.
static bool read_slot(const stopwatch *stopwatch, uint32_t index, uint64_t ticks[2]) {
  const slot *slots = buffer_mapped(stopwatch->slots);
  if (*(const volatile uint32_t *)&slots[index].number != stopwatch->laps[index].number) return false;
  atomic_thread_fence(memory_order_acquire);
  memcpy(ticks, &slots[index], 2 * sizeof *ticks);
  return true;
}

bool stopwatch_read(stopwatch *stopwatch, stopwatch_lap *out) {
  const mote_device *device = stopwatch->device;
  if (!stopwatch->queries) return false;
  for (uint32_t i = 0; i < LAPS; i++) {
    uint32_t index = (stopwatch->started + i) % LAPS;  // the oldest first
    lap *lap = &stopwatch->laps[index];
    uint64_t ticks[2];
    if (!lap->pending || !read_slot(stopwatch, index, ticks)) continue;
    lap->pending = false;
    uint64_t mask = device->timestamp_bits < 64 ? (UINT64_C(1) << device->timestamp_bits) - 1 : UINT64_MAX;
    *out = (stopwatch_lap){(double)((ticks[1] - ticks[0]) & mask) * device->timestamp_period / 1000, lap->tag};
    return true;
  }
  return false;
}

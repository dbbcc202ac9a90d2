// record.h: what graph/ may ask to be recorded into a host's command buffer. Nothing here waits, allocates or fails
// for want of memory, but stopwatch_create.
#ifndef MOTE_RUNTIME_RECORD_H
#define MOTE_RUNTIME_RECORD_H

#include "mote_vulkan.h"
#include "runtime/runtime.h"

// Records all dispatches again, with the barriers they need and one in front of them against earlier compute work.
void commands_record(commands *commands, VkCommandBuffer into);

// A region that debuggers show, around what is recorded in between; nothing where the host has no VK_EXT_debug_utils.
void record_open_region(const mote_device *device, VkCommandBuffer into, const char *name);
void record_close_region(const mote_device *device, VkCommandBuffer into);

// Kinds of access that record_order knows.
enum { RECORD_COMPUTE = 1, RECORD_TRANSFER = 2, RECORD_HOST = 4 };

// What `earlier` kinds of commands did is done and visible before `later` kinds begin.
void record_order(mote_device *device, VkCommandBuffer into, unsigned earlier, unsigned later);

// Writes `bytes` bytes, a multiple of 4, that are copied into the command buffer. Both are transfers.
void record_update(buffer *target, size_t offset, const void *data, size_t bytes, VkCommandBuffer into);
void record_copy(buffer *from, size_t from_offset, buffer *to, size_t to_offset, size_t bytes, VkCommandBuffer into);

// From a buffer of packed images of 4 bytes a pixel, `width` by `height` pixels each, into the host's image or buffer, with
// the barriers that mote_vulkan.h promises on the host's side.
void record_to_image(buffer *from, uint32_t width, uint32_t height, const mote_image_output *output, VkCommandBuffer into);
void record_to_host_buffer(buffer *from, size_t bytes, VkBuffer to, VkDeviceSize offset, VkCommandBuffer into);

// Measures stretches of command buffers by timestamps that arrive later in the host's memory: no call here asks the driver.
typedef struct stopwatch stopwatch;

typedef struct stopwatch_lap {
  double microseconds;
  int tag;
} stopwatch_lap;

// On a queue without timestamps it measures nothing. `*bytes`: the memory that stopwatch_create will take, 0 or one allocation.
mote_status stopwatch_measure(mote_device *device, uint64_t *bytes, mote_error *error);
mote_status stopwatch_create(mote_device *device, stopwatch **out, mote_error *error);
void stopwatch_destroy(stopwatch **stopwatch);

// Around what is measured; `tag` comes back with the lap.
void stopwatch_start(stopwatch *stopwatch, int tag, VkCommandBuffer into);
void stopwatch_stop(stopwatch *stopwatch, VkCommandBuffer into);

// The next lap that the device has finished; false if there is none now.
bool stopwatch_read(stopwatch *stopwatch, stopwatch_lap *lap);

#endif

// runtime.h: everything the layers above may ask of Vulkan, with no Vulkan in it.
//
// A mote_device owns kernels. A buffer is a piece of device memory. A kernel is a shader with its constants chosen. A
// commands object is a recorded command buffer: dispatches are added once, then it is submitted any number of times.
#ifndef MOTE_RUNTIME_RUNTIME_H
#define MOTE_RUNTIME_RUNTIME_H

#include "mote.h"
#include "runtime/error.h"

#define MAX_BINDINGS 16
#define MAX_SPEC_CONSTANTS 16
#define MAX_PUSH_BYTES 128  // what every Vulkan device offers

// ---------------------------------------------------------------------------------------------------------------------
// Device

// What ops choose their kernels by. Never a vendor.
typedef struct device_caps {
  mote_kernels kernels;            // the class to take, never AUTO: what the user asked for, or what suits the device
  bool any_kernels;                // nobody asked for a class
  const char *kernel_names;        // kernels to take wherever they fit, whatever their class, separated by commas; NULL: none
  bool cooperative;                // kernels of cooperative matrices may run
  bool separate_buffers;           // one buffer a tensor, no aliasing
  bool subgroup_shuffle;
  uint32_t subgroup_size;
  uint32_t max_invocations;        // of a workgroup, all along x
  uint32_t max_groups[3];          // of a dispatch
  uint64_t max_binding_bytes;      // of one storage buffer binding
  uint64_t max_texel_elements;     // of one texel buffer view
  uint32_t max_storage_buffers;    // that a kernel may bind
  uint32_t max_texel_buffers;
  size_t alignment;                // of an offset at which a storage or texel buffer may be bound
} device_caps;

const device_caps *device_get_caps(const mote_device *device);

// Takes the kernels of these names, separated by commas, wherever they fit. `names` is borrowed for as long as the device lives;
// NULL: none.
void device_prefer_kernels(mote_device *device, const char *names);

// Hands a warning to the host's log, if it gave one.
void device_log(const mote_device *device, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---------------------------------------------------------------------------------------------------------------------
// Buffers

typedef struct buffer buffer;

// Makes `bytes` bytes (at least 4) of device memory, mapped where the device's own memory is the host's. Contents are
// undefined. `name` is copied and shown by debuggers.
mote_status buffer_create(mote_device *device, size_t bytes, const char *name, buffer **out, mote_error *error);
void buffer_destroy(buffer **buffer);

// The same of memory that host and device both see, on any device: buffer_mapped is then where, for others that are staged NULL.
mote_status buffer_create_mapped(mote_device *device, size_t bytes, const char *name, buffer **out, mote_error *error);
const void *buffer_mapped(const buffer *buffer);

// What buffer_create would allocate for `bytes` bytes, and whether uploads need a staging buffer as large.
mote_status buffer_measure(mote_device *device, size_t bytes, uint64_t *allocated_bytes, mote_error *error);
bool device_stages(const mote_device *device);

size_t buffer_bytes(const buffer *buffer);

// Copies the first `bytes` bytes of one buffer to another on the device, `times` times, and waits.
mote_status buffer_copy(buffer *from, buffer *to, size_t bytes, int times, mote_error *error);

// Copy to and from the host. They wait for the copy; the caller sees to it that no submission is in flight.
mote_status buffer_upload(buffer *buffer, size_t offset, const void *data, size_t bytes, mote_error *error);
mote_status buffer_download(buffer *buffer, size_t offset, void *data, size_t bytes, mote_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Kernels

// One compiled shader: its SPIR-V words, embedded at build time, by the name of its file.
typedef struct shader {
  const char *name;
  const uint32_t *words;
  size_t word_count;
} shader;

// The embedded shader of that name, or NULL.
const shader *shader_find(const char *name);

// All of them, one after the other; NULL after the last.
const shader *shader_at(size_t index);

// From here on pipeline_get takes these in place of the embedded shaders of their names; none: the embedded ones again. They
// are borrowed for as long as the device lives, and must take the same bindings and parameters.
void device_set_shaders(mote_device *device, const shader *shaders, size_t count);

typedef struct pipeline pipeline;

// The pipeline of `shader` with specialization constants 0 … spec_count-1 set to `spec`. Made at the first call with
// these values and kept by the device, which owns it. Bindings, their access, and the size of the push constants are
// reflected from the SPIR-V. MOTE_ERROR_DEVICE if the device binds fewer buffers than the shader takes.
mote_status pipeline_get(mote_device *device, const char *shader_name, const uint32_t *spec, uint32_t spec_count,
                         pipeline **out, mote_error *error);

// Whether its shader declares that it writes the binding.
bool pipeline_writes(const pipeline *pipeline, uint32_t binding);

// What pipeline_get would be asked for.
typedef struct pipeline_request {
  const char *shader_name;
  const uint32_t *spec;  // borrowed
  uint32_t spec_count;
} pipeline_request;

// Makes those of the requests, which may repeat, that are not made yet: in parallel where the host offers that. pipeline_get
// finds them then. If one fails, none of these is kept.
mote_status pipelines_make(mote_device *device, const pipeline_request *requests, size_t count, mote_error *error);

// Whether pipeline_get was called with these values before.
bool pipeline_is_made(const mote_device *device, const char *shader_name, const uint32_t *spec, uint32_t spec_count);

// ---------------------------------------------------------------------------------------------------------------------
// Commands

typedef struct commands commands;

// Bytes [offset, offset + bytes) of a buffer, as a shader's binding sees them.
typedef struct binding {
  buffer *buffer;
  size_t offset, bytes;
} binding;

typedef struct dispatch {
  const char *label;                    // path of the layer, "down1/model.0/conv1"; regions nest along it. Must outlive
                                        // the commands
  pipeline *pipeline;
  binding bindings[MAX_BINDINGS];       // by binding number
  const char *names[MAX_BINDINGS];      // of what is bound, for debuggers; NULL: none
  uint32_t binding_count;
  const void *push;                     // push constants, push_bytes of them, copied
  uint32_t push_bytes;
  uint32_t groups[3];                   // workgroups along x, y, z
} dispatch;

typedef struct commands_info {
  uint32_t dispatches, barriers;
} commands_info;

// Begins recording. With `timed`, the device's clock is read around every dispatch.
mote_status commands_create(mote_device *device, const char *name, bool timed, commands **out, mote_error *error);
void commands_destroy(commands **commands);

// Appends one dispatch. A barrier goes in front of it when, and only when, it touches bytes that an earlier dispatch
// wrote, or writes bytes that an earlier dispatch read, since the last barrier.
mote_status commands_dispatch(commands *commands, const dispatch *dispatch, mote_error *error);

// Ends recording; from here on the commands can be submitted and no longer changed.
mote_status commands_finish(commands *commands, mote_error *error);

// Runs a list of commands `repeat` times, one after the other, in a single submission, and waits for the end.
mote_status commands_run(commands *const *list, int count, uint32_t repeat, mote_error *error);

commands_info commands_get_info(const commands *commands);

// When every dispatch began and ended in the last run, in nanoseconds of the device's clock (timed commands only; the
// last repetition counts). At most the first MAX_TIMED_DISPATCHES are timed.
#define MAX_TIMED_DISPATCHES 2048
typedef struct dispatch_time {
  double begin, end;
} dispatch_time;

mote_status commands_read_times(commands *commands, dispatch_time *times, mote_error *error);

// Nanoseconds of the host's steady clock.
double clock_nanoseconds(void);

#endif

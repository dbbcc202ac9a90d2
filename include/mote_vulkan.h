// mote_vulkan.h: mote inside another program's Vulkan device: a game hands over what it has, and mote records sampling
// and training into the game's own command buffers. mote.h alone needs no Vulkan headers; this one does.
//
// Do this (docs/embedding.md has a complete program):
//
//     set-up, may wait:   mote_device_adopt, mote_model_load_file, mote_sampler_create with .recorded = true
//     a sprite begins:    mote_sampler_record_begin(sampler, commands, &request, &error)
//     every frame:        mote_sampler_record(sampler, commands, 0, 2000, &recorded, &error)   // 2 ms
//                         mote_sampler_record_image(sampler, commands, &output, &error)        // to a VkImage
//     in the end:         wait for the submissions, mote_sampler_destroy, mote_model_destroy, mote_device_destroy
//
// Which functions wait. mote_model_load_*, mote_sampler_create, mote_trainer_create, and every function of mote.h that
// runs, reads or writes, submit to the adopted queue and wait for their own submission. The functions of this header,
// but mote_device_adopt, never submit, wait, allocate or make a pipeline.
//
// What the host keeps to.
// - `commands` is a primary or secondary command buffer in the recording state, outside of a render pass, of a pool of
//   the adopted queue family, with no query active. It is submitted once; to the adopted queue, or to others of the
//   family.
// - Submissions that hold the records of one sampler execute in the order of recording: on one queue that is the order
//   of submission; over several queues a semaphore orders them, which may be a timeline semaphore. mote itself signals
//   and waits on none: the host's submission signals when its command buffers are done.
// - The compute bind point's pipeline, descriptor set 0 and push constants are undefined after a record; graphics state
//   is left as it was.
// - A command buffer that holds records and is never submitted, or a queue that is lost, leaves the run undefined:
//   begin anew.
// - Objects are destroyed after the submissions that use them have completed. mote_device_destroy leaves the host's
//   instance, device, queue, pipeline cache and images alone and waits for nothing.
// - The adopted queue is not used by another thread while a function runs that submits.
//
// Barriers. Every record orders itself after all compute and transfer work before it in submission order, so records
// need no barriers among each other. Towards the host's own use of an image or buffer, see mote_image_output.
#ifndef MOTE_VULKAN_H
#define MOTE_VULKAN_H

#include <vulkan/vulkan_core.h>

#include "mote.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------------------------
// The host's device

typedef struct mote_device_adopt_desc {
  VkInstance instance;                                // required
  uint32_t api_version;                               // required: VkApplicationInfo.apiVersion that `instance` was made with,
                                                      // VK_API_VERSION_1_2 or newer. Vulkan does not tell it afterwards
  VkPhysicalDevice physical_device;                   // required
  VkDevice device;                                    // required
  VkQueue queue;                                      // required: of queue_family, which must compute
  uint32_t queue_family;
  PFN_vkGetInstanceProcAddr get_instance_proc_addr;   // required; every function is asked of it
  const VkPhysicalDeviceFeatures2 *enabled_features;  // the chain of vkCreateDevice; NULL: none, mote needs none
  const char *const *extensions;                      // enabled, of instance and device; with VK_EXT_debug_utils
                                                      // objects and passes have names
  uint32_t extension_count;
  VkPipelineCache pipeline_cache;                     // used, not destroyed; VK_NULL_HANDLE: mote makes one for itself
  const VkAllocationCallbacks *allocator;             // copied; handed to every Vulkan call; NULL: the driver's own
  bool plain_kernels, staging, separate_buffers;      // as in mote_device_desc
  uint64_t memory_limit, binding_limit;               // as in mote_device_desc
  mote_kernels kernels;                               // as in mote_device_desc
  mote_tune tune;                                     // as in mote_device_desc: times kernels while samplers and trainers
                                                      // are made
  const char *tuning_directory;                       // where what was found is kept between runs; NULL: it is not kept
  mote_log_fn log;                                    // as in mote_device_desc
  void *log_user;
  mote_parallel_fn parallel;                          // as in mote_device_desc; `allocator` is then called from its threads
  void *parallel_user;
} mote_device_adopt_desc;

// Uses the host's device. Everything of mote.h works on it. Destroy with mote_device_destroy, before the host's device.
// MOTE_ERROR_USAGE names the member that is missing or does not fit.
MOTE_API mote_status mote_device_adopt(const mote_device_adopt_desc *desc, mote_device **device, mote_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Sampling

// For samplers made with `recorded`; others give MOTE_ERROR_USAGE. mote_sampler_get_needs says before what such a
// sampler will take.

// Records the start of a new run, as mote_sampler_begin does it: the same request gives the same bits. Costs about as
// much as a step. What `request` points to is copied into the command buffer.
MOTE_API mote_status mote_sampler_record_begin(mote_sampler *sampler, VkCommandBuffer commands,
                                               const mote_sampler_request *request, mote_error *error);

typedef struct mote_recorded {
  int steps;                 // recorded by this call
  int steps_left;            // of the run, after those
  double step_microseconds;  // what one step is expected to take, from measurements; 0: not yet known
  double begin_microseconds; // what mote_sampler_record_begin is expected to take; 0: not yet known
} mote_recorded;

// No limit of time.
#define MOTE_NO_BUDGET (-1.0)

// Records the next denoising steps: `steps` at most (0: no such limit, else 1 or more), and no more than are expected
// to take `budget` microseconds. A budget of 0 records nothing, a negative one is no limit. Under a budget above 0 one step
// is recorded even where it alone is expected to exceed it, so that runs end: a frame costs at most its budget plus one
// step. A mote_sampler_record_begin since the last call counts against the budget; if it takes all of it, or its cost is
// not known yet, this call records no step. The expectation follows timestamps of earlier records, which arrive in memory:
// nothing waits for them. It rises at once and falls slowly. Until the first is known, and on queues without timestamps,
// one step is recorded. Past the last step nothing is recorded.
MOTE_API mote_status mote_sampler_record(mote_sampler *sampler, VkCommandBuffer commands, int steps, double budget,
                                         mote_recorded *recorded, mote_error *error);

#define MOTE_SAMPLERS_MAX 256

// The same for several samplers of one device under one budget, so that all of them together cost at most the budget plus
// one step. Each next step goes to the sampler that was given the least time, in this call and those before, among those
// whose step still fits; the first fits always. So all get the same time, whatever their steps cost. Samplers without a
// run, and those that are done, take none.
// `recorded`, NULL or `count` of them, says what each took.
MOTE_API mote_status mote_samplers_record(mote_sampler *const *samplers, uint32_t count, VkCommandBuffer commands,
                                          double budget, mote_recorded *recorded, mote_error *error);

// Forgets the run, whatever step it is at. Records that were made may be submitted or dropped; the next
// mote_sampler_record_begin starts anew.
MOTE_API void mote_sampler_cancel(mote_sampler *sampler);

// One sprite's place in the host's image.
typedef struct mote_image_region {
  uint32_t sample;       // 0 to batch - 1
  uint32_t array_layer;
  int32_t x, y;          // of the upper left pixel; the sprite is width × height pixels, times pixel_scale
} mote_image_region;

// Where to write pixels. Formats: VK_FORMAT_R8G8B8A8 or VK_FORMAT_B8G8R8A8, _UNORM or _SRGB; the bytes are those of
// mote_sampler_read_pixels (grey is repeated, alpha is 255 where the model has none) and mean sRGB, as in a PNG file: an
// _SRGB image shows them as they are. Of a `premultiplied` model colours come multiplied by alpha: blend them with
// VK_BLEND_FACTOR_ONE, those of others with VK_BLEND_FACTOR_SRC_ALPHA. Other mip levels are the host's to make.
//
// Layout: all layers from the lowest to the highest of the regions are in `old_layout` when the record executes and in
// `new_layout` after it. VK_IMAGE_LAYOUT_UNDEFINED as old_layout throws away what else they hold.
// Order: the record waits for `before_stages` and `before_access` of earlier commands in submission order, and later
// commands of `after_stages` and `after_access` see the pixels. Zero stages mean VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
// zero accesses VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT.
// Queue families: with `acquire` the record begins by acquiring what `before_family` released, from old_layout to
// VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL; with `release` it ends by releasing to `after_family`, from that layout to
// new_layout. The host records the other half with the same layouts, and puts a semaphore in between: binary, or a
// timeline semaphore that the releasing submission signals and the acquiring one waits for.
typedef struct mote_image_output {
  VkImage image;                       // 2D, usage TRANSFER_DST, one sample a pixel
  VkFormat format;
  uint32_t width, height;              // required: of mip level 0; regions must lie inside
  uint32_t array_layers;               // 0: 1
  VkImageLayout old_layout, new_layout;
  uint32_t mip_level;
  const mote_image_region *regions;    // NULL: sample i at the origin of array layer i, for the whole batch
  uint32_t region_count;               // 1 to 256
  VkPipelineStageFlags before_stages, after_stages;
  VkAccessFlags before_access, after_access;
  bool acquire, release;
  uint32_t before_family, after_family;
} mote_image_output;

// Records that the current x, at whatever step it is, is written into the image.
MOTE_API mote_status mote_sampler_record_image(mote_sampler *sampler, VkCommandBuffer commands,
                                               const mote_image_output *output, mote_error *error);

// The same into a buffer (usage TRANSFER_DST) at `offset`, a multiple of 4: batch × height × width × 4 bytes, RGBA,
// times the square of pixel_scale.
// Later commands of any stage see the bytes; earlier ones have read what was there.
MOTE_API mote_status mote_sampler_record_buffer(mote_sampler *sampler, VkCommandBuffer commands, VkBuffer buffer,
                                                VkDeviceSize offset, mote_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Training

// For trainers made with `recorded`; others give MOTE_ERROR_USAGE.

// Records `step_count` training steps, 1 to 1024: the same bits as mote_trainer_run of as many.
MOTE_API mote_status mote_trainer_record(mote_trainer *trainer, VkCommandBuffer commands, int step_count,
                                         mote_error *error);

// After a submission with records has completed, and while none is pending: the losses of the steps since the last
// call, the newest 1024 at most, into `losses` (room for `capacity`, may be NULL with 0); `*count` receives how many
// steps those were. Reads host memory only. MOTE_ERROR_DEVICE if a loss was not finite, as mote_trainer_run. Call it
// before any function of mote.h that saves, validates or counts steps.
MOTE_API mote_status mote_trainer_collect(mote_trainer *trainer, float *losses, uint32_t capacity, uint32_t *count,
                                          mote_error *error);

#ifdef __cplusplus
}
#endif

#endif

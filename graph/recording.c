// recording.c: a sampler in a host's command buffers: its recorded steps once more, as many as fit a budget, and its
// pixels into the host's image or buffer.
#include <stdlib.h>
#include <string.h>

#include "graph/layout.h"
#include "graph/ops.h"
#include "graph/sampler.h"
#include "runtime/record.h"

enum { TAG_BEGIN = 0, MAX_REGIONS = 256 };  // other laps are tagged with their number of steps

struct recording {
  mote_device *device;
  program *output;  // x to RGBA8, one word a pixel
  tensor *pixels;
  stopwatch *stopwatch;
  float *packed;     // a tensor on its way into a command buffer
  double step_time;  // expected, microseconds; 0: not known yet
  double begin_time;
  bool began;  // since the last mote_sampler_record
};

// ---------------------------------------------------------------------------------------------------------------------
// Making

static graph *build_output(const mote_model_info *info, const mote_device *device, int batch, binding x_home,
                           tensor **pixels) {
  graph *graph = graph_create(device_get_caps(device));
  if (!graph) return NULL;
  tensor *x = graph_external(graph, "x", (shape){batch, info->channels, info->height, info->height}, x_home);
  if (x) x->layout = LAYOUT_C8;
  *pixels = pack_pixels(graph, x);
  if (*pixels) (*pixels)->keep = true;
  return graph;
}

mote_status recording_measure(const mote_model_info *info, mote_device *device, int batch, program_needs *needs,
                              mote_error *error) {
  tensor *pixels;
  uint64_t laps_bytes;
  TRY(stopwatch_measure(device, &laps_bytes, error));
  needs->memory_bytes += laps_bytes;
  needs->allocations += laps_bytes > 0;
  graph *graph = build_output(info, device, batch, (binding){0}, &pixels);
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  return program_measure(&(program_desc){.device = device, .graph = graph, .name = "pixels"}, needs, error);
}

mote_status recording_create(const mote_sampler *sampler, recording **out, mote_error *error) {
  *out = NULL;
  recording *made = calloc(1, sizeof *made);
  if (!made) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = MOTE_OK;
  mote_device *device = made->device = sampler->model->device;
  size_t bytes = tensor_bytes(sampler->x);
  if (tensor_bytes(sampler->context) > bytes) bytes = tensor_bytes(sampler->context);
  if (tensor_bytes(sampler->step) > bytes) bytes = tensor_bytes(sampler->step);
  made->packed = calloc(1, bytes);
  graph *graph =
      build_output(&sampler->model->info, device, sampler->desc.batch, sampler->x->home, &made->pixels);
  if (!made->packed || !graph) {
    graph_destroy(&graph);
    status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  if (!status)
    status = program_create(&(program_desc){.device = device, .graph = graph, .name = "pixels"}, &made->output, error);
  if (!status) status = stopwatch_create(device, &made->stopwatch, error);
  if (status)
    recording_destroy(&made);
  else
    *out = made;
  return status;
}

void recording_destroy(recording **pointer) {
  recording *recording = *pointer;
  *pointer = NULL;
  if (!recording) return;
  stopwatch_destroy(&recording->stopwatch);
  program_destroy(&recording->output);
  free(recording->packed);
  free(recording);
}

static mote_status check_recorded(const mote_sampler *sampler, bool needs_run, mote_error *error) {
  if (!sampler->recording)
    return fail(error, MOTE_ERROR_USAGE, "the sampler was made without mote_sampler_desc.recorded");
  if (needs_run && !sampler->begun)
    return fail(error, MOTE_ERROR_USAGE, "no run has begun: call mote_sampler_record_begin first");
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Time

// Rises at once, so that a frame does not pay twice for what it could not foresee; falls slowly.
static void follow(double *expected, double measured) {
  *expected = measured > *expected ? measured : *expected + (measured - *expected) / 8;
}

static void read_laps(recording *recording) {
  stopwatch_lap lap;
  while (stopwatch_read(recording->stopwatch, &lap))
    if (lap.tag == TAG_BEGIN)
      follow(&recording->begin_time, lap.microseconds);
    else
      follow(&recording->step_time, lap.microseconds / lap.tag);
}

// How many steps of `most` fit.
static int fit(const recording *recording, int most, double budget) {
  if (budget == 0) return most;
  double left = recording->began ? budget - recording->begin_time : budget;
  if (recording->began && (recording->begin_time == 0 || left < recording->step_time)) return 0;
  if (recording->step_time == 0 || left < 2 * recording->step_time) return 1;
  double steps = left / recording->step_time;
  return steps < most ? (int)steps : most;
}

// ---------------------------------------------------------------------------------------------------------------------
// Recording

typedef struct record_route {
  mote_sampler *sampler;
  VkCommandBuffer into;
  bool writing;  // the last that was recorded is a write
} record_route;

static mote_status write_later(void *user, tensor *tensor, const void *rows, mote_error *error) {
  record_route *route = user;
  recording *recording = route->sampler->recording;
  size_t bytes = tensor_bytes(tensor);
  (void)error;
  if (rows)
    layout_pack(tensor, rows, recording->packed);
  else
    memset(recording->packed, 0, bytes);
  if (!route->writing)
    record_order(recording->device, route->into, RECORD_COMPUTE | RECORD_TRANSFER, RECORD_TRANSFER);
  route->writing = true;
  record_update(tensor->home.buffer, tensor->home.offset, recording->packed, bytes, route->into);
  return MOTE_OK;
}

// What the writes wrote is there for what follows.
static void end_writing(record_route *route) {
  if (route->writing) record_order(route->sampler->recording->device, route->into, RECORD_TRANSFER, RECORD_COMPUTE);
  route->writing = false;
}

static mote_status replay_later(void *user, phase phase, int times, mote_error *error) {
  record_route *route = user;
  recording *recording = route->sampler->recording;
  (void)error;
  end_writing(route);
  stopwatch_start(recording->stopwatch, phase == PHASE_ONCE ? TAG_BEGIN : times, route->into);
  for (int i = 0; i < times; i++) commands_record(program_commands(route->sampler->program, phase), route->into);
  stopwatch_stop(recording->stopwatch, route->into);
  return MOTE_OK;
}

mote_status mote_sampler_record_begin(mote_sampler *sampler, VkCommandBuffer commands,
                                      const mote_sampler_request *request, mote_error *error) {
  TRY(check_recorded(sampler, false, error));
  record_route route = {.sampler = sampler, .into = commands};
  read_laps(sampler->recording);
  TRY(sampler_begin(sampler, request, &(sampler_route){write_later, replay_later, &route}, error));
  end_writing(&route);
  sampler->recording->began = true;
  return MOTE_OK;
}

mote_status mote_sampler_record(mote_sampler *sampler, VkCommandBuffer commands, int steps, double budget,
                                mote_recorded *recorded, mote_error *error) {
  TRY(check_recorded(sampler, true, error));
  if (steps < 0) return fail(error, MOTE_ERROR_USAGE, "steps is %d, expected 0 or more", steps);
  if (!(budget >= 0)) return fail(error, MOTE_ERROR_USAGE, "budget is %g microseconds, expected 0 or more", budget);
  recording *recording = sampler->recording;
  record_route route = {.sampler = sampler, .into = commands};
  read_laps(recording);
  int left = sampler_steps_left(sampler), most = steps && steps < left ? steps : left;
  int count = most ? fit(recording, most, budget) : 0;
  recording->began = false;
  TRY(sampler_advance(sampler, count, &(sampler_route){write_later, replay_later, &route}, error));
  if (recorded)
    *recorded = (mote_recorded){.steps = count,
                                .steps_left = left - count,
                                .step_microseconds = recording->step_time,
                                .begin_microseconds = recording->begin_time};
  return MOTE_OK;
}

void mote_sampler_cancel(mote_sampler *sampler) { sampler->begun = false; }

// ---------------------------------------------------------------------------------------------------------------------
// Output

static void record_pixels(const recording *recording, VkCommandBuffer commands) {
  record_order(recording->device, commands, RECORD_COMPUTE | RECORD_TRANSFER, RECORD_COMPUTE);
  commands_record(program_commands(recording->output, PHASE_STEP), commands);
  record_order(recording->device, commands, RECORD_COMPUTE, RECORD_TRANSFER);
}

static mote_status check_output(const mote_sampler *sampler, const mote_image_output *output, mote_error *error) {
  if (!output->image) return fail(error, MOTE_ERROR_USAGE, "mote_image_output: image is not set");
  if (output->format != VK_FORMAT_R8G8B8A8_UNORM && output->format != VK_FORMAT_R8G8B8A8_SRGB)
    return fail(error, MOTE_ERROR_USAGE,
                "mote_image_output: format is %d, expected VK_FORMAT_R8G8B8A8_UNORM or VK_FORMAT_R8G8B8A8_SRGB",
                (int)output->format);
  if (output->new_layout == VK_IMAGE_LAYOUT_UNDEFINED || output->new_layout == VK_IMAGE_LAYOUT_PREINITIALIZED)
    return fail(error, MOTE_ERROR_USAGE, "mote_image_output: new_layout is %d, expected one that keeps the pixels",
                (int)output->new_layout);
  if (output->region_count < 1 || output->region_count > MAX_REGIONS)
    return fail(error, MOTE_ERROR_USAGE, "mote_image_output: %u regions, expected 1 to %d", output->region_count,
                MAX_REGIONS);
  for (uint32_t i = 0; i < output->region_count; i++) {
    const mote_image_region *region = &output->regions[i];
    if (region->sample >= (uint32_t)sampler->desc.batch || region->x < 0 || region->y < 0)
      return fail(error, MOTE_ERROR_USAGE, "mote_image_output: region %u is sample %u at %d, %d, the batch holds %d", i,
                  region->sample, region->x, region->y, sampler->desc.batch);
  }
  return MOTE_OK;
}

mote_status mote_sampler_record_image(mote_sampler *sampler, VkCommandBuffer commands, const mote_image_output *output,
                                      mote_error *error) {
  TRY(check_recorded(sampler, true, error));
  mote_image_output completed = *output;
  mote_image_region layers[MAX_REGIONS];
  if (!output->regions) {
    completed.region_count = (uint32_t)sampler->desc.batch;
    for (uint32_t i = 0; i < MAX_REGIONS; i++)
      layers[i] = (mote_image_region){.sample = i, .array_layer = i};
    completed.regions = layers;
  }
  TRY(check_output(sampler, &completed, error));
  record_pixels(sampler->recording, commands);
  record_to_image(sampler->recording->pixels->home.buffer, (uint32_t)sampler->model->info.height, &completed, commands);
  return MOTE_OK;
}

mote_status mote_sampler_record_buffer(mote_sampler *sampler, VkCommandBuffer commands, VkBuffer buffer,
                                       VkDeviceSize offset, mote_error *error) {
  TRY(check_recorded(sampler, true, error));
  if (!buffer) return fail(error, MOTE_ERROR_USAGE, "no buffer is given to write pixels into");
  if (offset % 4)
    return fail(error, MOTE_ERROR_USAGE, "offset is %llu, expected a multiple of 4", (unsigned long long)offset);
  const tensor *pixels = sampler->recording->pixels;
  record_pixels(sampler->recording, commands);
  record_to_host_buffer(pixels->home.buffer, tensor_bytes(pixels), buffer, offset, commands);
  return MOTE_OK;
}

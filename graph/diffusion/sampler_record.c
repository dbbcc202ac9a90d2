// sampler_record.c: a sampler in a host's command buffers: its recorded steps once more, as many as fit a budget, and its
// pixels into the host's image or buffer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/pace.h"
#include "graph/diffusion/sampler.h"
#include "graph/ir/layout.h"
#include "graph/nets/network.h"
#include "graph/ops/ops.h"
#include "runtime/record.h"

enum { TAG_BEGIN = 0, MAX_REGIONS = 256 };  // other laps are tagged with their number of steps

struct recording {
  mote_device *device;
  program *output;  // x to one word a pixel
  tensor *pixels, *order;
  stopwatch *stopwatch;
  float *packed;     // a tensor on its way into a command buffer
  pace pace;
};

// ---------------------------------------------------------------------------------------------------------------------
// Making

typedef struct output {
  tensor *order, *pixels;
} output;

static graph *build_output(const mote_sampler *sampler, output *made) {
  const mote_model_info *info = &sampler->model->info;
  graph *graph = graph_create(device_get_caps(sampler->model->device));
  if (!graph) return NULL;
  shape images = network_image_shape(info, sampler->desc.batch);
  tensor *x = graph_external(graph, "x", images, ROLE_ACTIVATION, sampler->x ? sampler->x->home : (binding){0});
  made->order = graph_input(graph, "order", (shape){1, 1, 1, 1}, ROLE_TABLE);
  made->pixels = pack_pixels(graph, x, made->order, sampler->desc.pixel_scale);
  if (made->pixels) made->pixels->keep = true;
  return graph;
}

mote_status recording_measure(const mote_sampler *sampler, program_needs *needs, mote_error *error) {
  mote_device *device = sampler->model->device;
  output made;
  uint64_t laps_bytes;
  TRY(stopwatch_measure(device, &laps_bytes, error));
  needs->memory_bytes += laps_bytes;
  needs->allocations += laps_bytes > 0;
  graph *graph = build_output(sampler, &made);
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
  output output;
  graph *graph = build_output(sampler, &output);
  if (!made->packed || !graph) {
    graph_destroy(&graph);
    status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  if (!status)
    status = program_create(&(program_desc){.device = device, .graph = graph, .name = "pixels"}, &made->output, error);
  made->order = output.order;
  made->pixels = output.pixels;
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

static void read_laps(recording *recording) {
  stopwatch_lap lap;
  while (stopwatch_read(recording->stopwatch, &lap))
    if (lap.tag == TAG_BEGIN)
      pace_follow(&recording->pace.begin_time, lap.microseconds);
    else
      pace_follow(&recording->pace.step_time, lap.microseconds / lap.tag);
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
  layout_pack(tensor, rows, recording->packed);
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

// A replay as debuggers show it.
static void record_stages(const record_route *route, sequence sequence, int ahead) {
  const mote_sampler *sampler = route->sampler;
  char name[64] = "mote: begin";
  if (sequence.stages[0] == STAGE_STEP)
    snprintf(name, sizeof name, "mote: step %d of %d", sampler->steps_done + ahead + 1, sampler->row_count);
  record_open_region(sampler->recording->device, route->into, name);
  for (int i = 0; i < sequence.count; i++) {
    commands *commands = program_commands(sampler->program, sequence.stages[i]);
    if (commands) commands_record(commands, route->into);
  }
  record_close_region(sampler->recording->device, route->into);
}

static mote_status replay_later(void *user, sequence sequence, int times, mote_error *error) {
  record_route *route = user;
  recording *recording = route->sampler->recording;
  (void)error;
  end_writing(route);
  stopwatch_start(recording->stopwatch, sequence.stages[0] == STAGE_STEP ? times : TAG_BEGIN, route->into);
  for (int i = 0; i < times; i++) record_stages(route, sequence, i);
  stopwatch_stop(recording->stopwatch, route->into);
  return MOTE_OK;
}

mote_status mote_sampler_record_begin(mote_sampler *sampler, VkCommandBuffer commands,
                                      const mote_sampler_request *request, mote_error *error) {
  ENTER(error, sampler, commands, request);
  TRY(check_recorded(sampler, false, error));
  record_route route = {.sampler = sampler, .into = commands};
  read_laps(sampler->recording);
  TRY(sampler_begin(sampler, request, &(sampler_route){write_later, replay_later, &route}, error));
  end_writing(&route);
  sampler->recording->pace.began = true;
  return MOTE_OK;
}

static mote_status check_budget(double budget, mote_error *error) {
  if (budget >= 0 || budget < 0) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "budget is %g, expected microseconds, or MOTE_NO_BUDGET for no limit", budget);
}

// Records what the sampler's pace was dealt.
static mote_status record_dealt(mote_sampler *sampler, VkCommandBuffer commands, mote_recorded *recorded,
                                mote_error *error) {
  const pace *pace = &sampler->recording->pace;
  record_route route = {.sampler = sampler, .into = commands};
  TRY(sampler_advance(sampler, pace->steps, &(sampler_route){write_later, replay_later, &route}, error));
  if (recorded)
    *recorded = (mote_recorded){.steps = pace->steps,
                                .steps_left = sampler_steps_left(sampler),
                                .step_microseconds = pace->step_time,
                                .begin_microseconds = pace->begin_time};
  return MOTE_OK;
}

mote_status mote_sampler_record(mote_sampler *sampler, VkCommandBuffer commands, int steps, double budget,
                                mote_recorded *recorded, mote_error *error) {
  ENTER(error, sampler, commands);
  TRY(check_recorded(sampler, true, error));
  TRY(check_budget(budget, error));
  if (steps < 0) return fail(error, MOTE_ERROR_USAGE, "steps is %d, expected 0 or more", steps);
  pace *pace = &sampler->recording->pace;
  int left = sampler_steps_left(sampler);
  read_laps(sampler->recording);
  pace->most = steps && steps < left ? steps : left;
  pace_deal(&pace, 1, budget);
  return record_dealt(sampler, commands, recorded, error);
}

static mote_status check_group(mote_sampler *const *samplers, uint32_t count, mote_error *error) {
  if (count > MOTE_SAMPLERS_MAX)
    return fail(error, MOTE_ERROR_USAGE, "%u samplers, expected %d at most", count, MOTE_SAMPLERS_MAX);
  for (uint32_t i = 0; i < count; i++) {
    if (!samplers[i]) return fail(error, MOTE_ERROR_USAGE, "sampler %u is NULL", i);
    TRY(check_recorded(samplers[i], false, error));
    if (samplers[i]->model->device != samplers[0]->model->device)
      return fail(error, MOTE_ERROR_USAGE, "samplers 0 and %u are of different devices", i);
    for (uint32_t j = 0; j < i; j++)
      if (samplers[i] == samplers[j]) return fail(error, MOTE_ERROR_USAGE, "samplers %u and %u are the same", j, i);
  }
  return MOTE_OK;
}

mote_status mote_samplers_record(mote_sampler *const *samplers, uint32_t count, VkCommandBuffer commands, double budget,
                                 mote_recorded *recorded, mote_error *error) {
  ENTER(error, samplers, commands);
  pace *paces[MOTE_SAMPLERS_MAX];
  TRY(check_group(samplers, count, error));
  TRY(check_budget(budget, error));
  for (uint32_t i = 0; i < count; i++) {
    paces[i] = &samplers[i]->recording->pace;
    paces[i]->most = sampler_steps_left(samplers[i]);
    read_laps(samplers[i]->recording);
  }
  pace_deal(paces, count, budget);
  for (uint32_t i = 0; i < count; i++) TRY(record_dealt(samplers[i], commands, recorded ? &recorded[i] : NULL, error));
  return MOTE_OK;
}

void mote_sampler_cancel(mote_sampler *sampler) { sampler->begun = false; }

// ---------------------------------------------------------------------------------------------------------------------
// Output

static bool is_blue_first(VkFormat format) {
  return format == VK_FORMAT_B8G8R8A8_UNORM || format == VK_FORMAT_B8G8R8A8_SRGB;
}

static void record_pixels(const recording *recording, bool blue_first, VkCommandBuffer commands) {
  const float order = blue_first;
  const binding *home = &recording->order->home;
  record_open_region(recording->device, commands, "mote: pixels");
  record_order(recording->device, commands, RECORD_COMPUTE | RECORD_TRANSFER, RECORD_COMPUTE | RECORD_TRANSFER);
  record_update(home->buffer, home->offset, &order, sizeof order, commands);
  record_order(recording->device, commands, RECORD_TRANSFER, RECORD_COMPUTE);
  commands_record(program_commands(recording->output, STAGE_STEP), commands);
  record_order(recording->device, commands, RECORD_COMPUTE, RECORD_TRANSFER);
  record_close_region(recording->device, commands);
}

static uint32_t sprite_width(const mote_sampler *sampler) {
  return (uint32_t)(sampler->model->info.width * sampler->desc.pixel_scale);
}

static uint32_t sprite_height(const mote_sampler *sampler) {
  return (uint32_t)(sampler->model->info.height * sampler->desc.pixel_scale);
}

static uint32_t at_level(uint32_t extent, uint32_t level) { return level < 32 && extent >> level ? extent >> level : 1; }

static mote_status check_regions(const mote_sampler *sampler, const mote_image_output *output, mote_error *error) {
  const uint32_t width = at_level(output->width, output->mip_level), height = at_level(output->height, output->mip_level);
  const uint32_t layers = output->array_layers ? output->array_layers : 1, wide = sprite_width(sampler), high = sprite_height(sampler);
  for (uint32_t i = 0; i < output->region_count; i++) {
    const mote_image_region *region = &output->regions[i];
    if (region->sample >= (uint32_t)sampler->desc.batch)
      return fail(error, MOTE_ERROR_USAGE, "mote_image_output: region %u is sample %u, the batch holds %d", i,
                  region->sample, sampler->desc.batch);
    if (region->array_layer >= layers)
      return fail(error, MOTE_ERROR_USAGE, "mote_image_output: region %u is in array layer %u, the image has %u", i,
                  region->array_layer, layers);
    if (region->x < 0 || region->y < 0 || (int64_t)region->x + wide > width || (int64_t)region->y + high > height)
      return fail(error, MOTE_ERROR_USAGE,
                  "mote_image_output: region %u is %u x %u pixels at %d, %d, the image's mip level %u is %u x %u", i, wide,
                  high, region->x, region->y, output->mip_level, width, height);
  }
  return MOTE_OK;
}

static mote_status check_output(const mote_sampler *sampler, const mote_image_output *output, mote_error *error) {
  if (!output->image) return fail(error, MOTE_ERROR_USAGE, "mote_image_output: image is not set");
  if (output->format != VK_FORMAT_R8G8B8A8_UNORM && output->format != VK_FORMAT_R8G8B8A8_SRGB &&
      !is_blue_first(output->format))
    return fail(error, MOTE_ERROR_USAGE,
                "mote_image_output: format is %d, expected VK_FORMAT_R8G8B8A8 or VK_FORMAT_B8G8R8A8, _UNORM or _SRGB",
                (int)output->format);
  if (output->new_layout == VK_IMAGE_LAYOUT_UNDEFINED || output->new_layout == VK_IMAGE_LAYOUT_PREINITIALIZED)
    return fail(error, MOTE_ERROR_USAGE, "mote_image_output: new_layout is %d, expected one that keeps the pixels",
                (int)output->new_layout);
  if (output->region_count < 1 || output->region_count > MAX_REGIONS)
    return fail(error, MOTE_ERROR_USAGE, "mote_image_output: %u regions, expected 1 to %d", output->region_count,
                MAX_REGIONS);
  if (!output->width || !output->height)
    return fail(error, MOTE_ERROR_USAGE, "mote_image_output: found %u x %u pixels, expected the image's width and height",
                output->width, output->height);
  return check_regions(sampler, output, error);
}

mote_status mote_sampler_record_image(mote_sampler *sampler, VkCommandBuffer commands, const mote_image_output *output,
                                      mote_error *error) {
  ENTER(error, sampler, commands, output);
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
  record_pixels(sampler->recording, is_blue_first(completed.format), commands);
  record_to_image(sampler->recording->pixels->home.buffer, sprite_width(sampler), sprite_height(sampler), &completed, commands);
  return MOTE_OK;
}

mote_status mote_sampler_record_buffer(mote_sampler *sampler, VkCommandBuffer commands, VkBuffer buffer,
                                       VkDeviceSize offset, mote_error *error) {
  ENTER(error, sampler, commands);
  TRY(check_recorded(sampler, true, error));
  if (!buffer) return fail(error, MOTE_ERROR_USAGE, "no buffer is given to write pixels into");
  if (offset % 4)
    return fail(error, MOTE_ERROR_USAGE, "offset is %llu, expected a multiple of 4", (unsigned long long)offset);
  const tensor *pixels = sampler->recording->pixels;
  record_pixels(sampler->recording, false, commands);
  record_to_host_buffer(pixels->home.buffer, tensor_bytes(pixels), buffer, offset, commands);
  return MOTE_OK;
}

// room.c: three samplers on one model share the frame's budget.
#include "room.h"

#include <stdio.h>
#include <string.h>

static bool report(const mote_error *error) {
  fprintf(stderr, "game: %s\n", error->message);
  return false;
}

static void print(void *user, const char *message) {
  (void)user;
  fprintf(stderr, "mote: %s\n", message);
}

static bool make_samplers(room *room, int steps) {
  mote_error error;
  for (int i = 0; i < SAMPLERS; i++) {
    room->workers[i].sprite = -1;
    const mote_sampler_desc desc = {.model = room->model, .steps = steps, .recorded = true};
    mote_needs needs;
    if (mote_sampler_get_needs(&desc, &needs, &error)) return report(&error);
    fprintf(stderr, "game: sampler %d takes %.2f MiB and %u pipelines\n", i, (double)needs.memory_bytes / (1 << 20),
            (unsigned)needs.pipelines);
    if (mote_sampler_create(&desc, &room->workers[i].sampler, &error)) return report(&error);
  }
  return true;
}

bool room_open(room *room, const screen *screen, const char *model_path, int steps) {
  memset(room, 0, sizeof *room);
  room->context = -1;
  room->room_for = (COLUMNS - 2) * (ROWS - 3);
  const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
  const mote_device_adopt_desc desc = {.instance = screen->instance,
                                       .api_version = VK_API_VERSION_1_2,
                                       .physical_device = screen->physical,
                                       .device = screen->device,
                                       .queue = screen->queue,
                                       .queue_family = screen->family,
                                       .get_instance_proc_addr = vkGetInstanceProcAddr,
                                       .extensions = extensions,
                                       .extension_count = screen->debug_utils,
                                       .log = print};
  mote_error error;
  if (mote_device_adopt(&desc, &room->device, &error)) return report(&error);
  if (mote_model_load_file(room->device, model_path, &room->model, &error)) return report(&error);
  const mote_model_info *info = mote_model_get_info(room->model);
  if (info->width != TILE || info->height != TILE) {
    fprintf(stderr, "game: %s makes images of %d x %d pixels, expected %d x %d\n", model_path, info->width, info->height, TILE, TILE);
    return false;
  }
  return make_samplers(room, steps);
}

void room_close(room *room) {
  for (int i = 0; i < SAMPLERS; i++) mote_sampler_destroy(&room->workers[i].sampler);
  mote_model_destroy(&room->model);
  mote_device_destroy(&room->device);
}

void room_draw(uint8_t *rgba) {
  for (int y = 0; y < WORLD_HEIGHT; y++)
    for (int x = 0; x < WORLD_WIDTH; x++) {
      int column = x / TILE, row = y / TILE, in_x = x % TILE, in_y = y % TILE;
      bool wall = column == 0 || row == 0 || column == COLUMNS - 1 || row == ROWS - 1;
      bool joint = in_y % 8 == 0 || (in_x + (in_y / 8 % 2) * 8) % 16 == 0;
      int shade = wall ? (joint ? 40 : 90) : (in_x == 0 || in_y == 0 ? 30 : 38);
      uint8_t *pixel = rgba + (y * WORLD_WIDTH + x) * 4;
      pixel[0] = (uint8_t)(wall ? shade : shade - 6);
      pixel[1] = (uint8_t)(wall ? shade * 3 / 4 : shade - 4);
      pixel[2] = (uint8_t)(wall ? shade / 2 : shade + 8);
      pixel[3] = 255;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// A frame

// The next free tile: the inner rows but the last, where the sprites walk.
static void place_sprite(room *room, worker *worker) {
  int index = room->sprite_count++;
  room->sprites[index] = (sprite){.x = (1 + index % (COLUMNS - 2)) * TILE,
                                  .y = (1 + index / (COLUMNS - 2)) * TILE,
                                  .context = room->context};
  worker->sprite = index;
}

static bool begin_sprite(room *room, worker *worker, VkCommandBuffer commands) {
  float context[MOTE_MAX_CONTEXT] = {0};
  mote_error error;
  place_sprite(room, worker);
  if (room->context >= 0 && room->context < mote_model_get_info(room->model)->n_cfeat) context[room->context] = 1;
  const mote_sampler_request request = {
      .seed = room->seed, .first_sample = (uint32_t)worker->sprite, .context = context};
  return !mote_sampler_record_begin(worker->sampler, commands, &request, &error) || report(&error);
}

// A sprite begins on the first worker that is free, one a frame.
static bool begin_next(room *room, VkCommandBuffer commands) {
  for (int i = 0; i < SAMPLERS && room->sprite_count < room->room_for; i++) {
    if (room->workers[i].sprite >= 0) continue;
    room->frame_steps = 1;
    return begin_sprite(room, &room->workers[i], commands);
  }
  return true;
}

bool room_record(room *room, VkCommandBuffer commands) {
  double step = room->step;  // of the frames before
  mote_error error;
  mote_sampler *samplers[SAMPLERS];
  mote_recorded recorded[SAMPLERS];
  room->planned = room->step = room->begin = 0;
  room->frame_steps = 0;
  if (!begin_next(room, commands)) return false;
  bool begins = room->frame_steps > 0;
  for (int i = 0; i < SAMPLERS; i++) samplers[i] = room->workers[i].sampler;
  if (mote_samplers_record(samplers, SAMPLERS, commands, room->budget, recorded, &error)) return report(&error);
  for (int i = 0; i < SAMPLERS; i++) {
    if (recorded[i].step_microseconds > room->step) room->step = recorded[i].step_microseconds;
    if (recorded[i].begin_microseconds > room->begin) room->begin = recorded[i].begin_microseconds;
    room->planned += recorded[i].steps * recorded[i].step_microseconds;
    room->frame_steps += recorded[i].steps;
  }
  if (begins) room->planned += room->begin;
  if (room->step < step) room->step = step - (step - room->step) / 8;
  return true;
}

bool room_show(room *room, const screen *screen, VkCommandBuffer commands) {
  mote_error error;
  for (int i = 0; i < SAMPLERS; i++) {
    worker *worker = &room->workers[i];
    if (worker->sprite < 0) continue;
    sprite *sprite = &room->sprites[worker->sprite];
    const mote_image_region region = {.x = sprite->x, .y = sprite->y};
    const mote_image_output output = {.image = screen->world,
                                      .format = VK_FORMAT_R8G8B8A8_SRGB,
                                      .width = WORLD_WIDTH,
                                      .height = WORLD_HEIGHT,
                                      .old_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                      .new_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                      .regions = &region,
                                      .region_count = 1,
                                      .before_stages = VK_PIPELINE_STAGE_TRANSFER_BIT,
                                      .before_access = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                                      .after_stages = VK_PIPELINE_STAGE_TRANSFER_BIT,
                                      .after_access = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    if (mote_sampler_record_image(worker->sampler, commands, &output, &error)) return report(&error);
    if (mote_sampler_steps_done(worker->sampler) < mote_sampler_step_count(worker->sampler)) continue;
    sprite->done = true;
    room->finished++;
    worker->sprite = -1;
  }
  return true;
}

void room_clear(room *room) {
  for (int i = 0; i < SAMPLERS; i++) {
    if (room->workers[i].sprite >= 0) mote_sampler_cancel(room->workers[i].sampler);
    room->workers[i].sprite = -1;
  }
  memset(room->sprites, 0, sizeof room->sprites);
  room->sprite_count = room->finished = 0;
  room->seed++;
}

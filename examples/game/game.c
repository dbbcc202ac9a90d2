// game.c: a window on a room that fills with sprites. Keys 1 to 9 choose the label of the sprites that come next, 0
// none; space empties the room; escape ends.
//
//     game MODEL.safetensors [--budget MICROSECONDS] [--steps N] [--seed S] [--seconds S] [--costs FILE.csv]
//
// It prints, one JSON object a line, every sprite that is finished and in the end what the frames cost; --costs writes
// what each frame cost.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"
#include "screen.h"

enum { FRAME_MILLISECONDS = 16 };

typedef struct options {
  const char *model, *costs;
  double budget, seconds;
  int steps;
  uint64_t seed;
} options;

// What the frames cost, by the game's own clock on the device.
typedef struct costs {
  uint64_t frames, measured, over, overplanned;
  double worst, longest_step, longest_frame;
  FILE *file;  // microseconds that denoising took, the budget, and a step, a line a frame; NULL: none
} costs;

static bool parse(int argc, char **argv, options *options) {
  *options = (struct options){.budget = 4000, .steps = 25};
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (argv[i][0] != '-' && !options->model) {
      options->model = argv[i];
      continue;
    }
    if (!value) return false;
    if (!strcmp(argv[i], "--budget"))
      options->budget = strtod(value, NULL);
    else if (!strcmp(argv[i], "--costs"))
      options->costs = value;
    else if (!strcmp(argv[i], "--seconds"))
      options->seconds = strtod(value, NULL);
    else if (!strcmp(argv[i], "--steps"))
      options->steps = atoi(value);
    else if (!strcmp(argv[i], "--seed"))
      options->seed = strtoull(value, NULL, 10);
    else
      return false;
    i++;
  }
  return options->model && options->budget > 0 && options->steps > 0;
}

static bool handle_events(room *room, bool *emptied) {
  SDL_Event event;
  while (SDL_PollEvent(&event)) {
    if (event.type == SDL_QUIT) return false;
    if (event.type != SDL_KEYDOWN) continue;
    SDL_Keycode key = event.key.keysym.sym;
    if (key == SDLK_ESCAPE) return false;
    if (key >= SDLK_0 && key <= SDLK_9) room->context = (int)(key - SDLK_0) - 1;
    if (key == SDLK_SPACE) {
      room_clear(room);
      *emptied = true;
    }
  }
  return true;
}

// Up to three finished sprites walk along the lower wall, and bob over it rather than over a tile of the full room.
static int walk(const room *room, stamp *stamps) {
  int count = 0, time = (int)(SDL_GetTicks() / 16);
  for (int i = room->sprite_count - 1; i >= 0 && count < SAMPLERS; i--) {
    if (!room->sprites[i].done) continue;
    int path = (COLUMNS - 3) * TILE, at = (time + count * 60) % (2 * path);
    stamps[count++] = (stamp){.from_x = room->sprites[i].x,
                              .from_y = room->sprites[i].y,
                              .to_x = TILE + (at < path ? at : 2 * path - at),
                              .to_y = WORLD_HEIGHT - 2 * TILE + time / 8 % 2,
                              .size = TILE};
  }
  return count;
}

static bool draw_frame(screen *screen, room *room, costs *costs) {
  double spent;
  stamp stamps[SAMPLERS];
  frame *frame = screen_begin(screen, &spent);
  if (!frame) return false;
  if (spent >= 0) {
    costs->measured++;
    costs->over += spent > frame->budget + frame->step;
    if (spent > costs->worst) costs->worst = spent;
    if (costs->file) fprintf(costs->file, "%.1f,%.1f,%.1f\n", spent, frame->budget, frame->step);
  }
  screen_time_start(screen, frame);
  if (!room_record(room, frame->commands)) return false;
  screen_time_stop(screen, frame);
  frame->budget = room->budget;
  frame->step = room->step > room->begin ? room->step : room->begin;
  costs->overplanned += room->frame_steps > 1 && room->planned > room->budget + frame->step;
  // Until the first measurement is there a frame holds one piece whose cost nobody knows.
  if (room->frame_steps == 0 || room->planned == 0) frame->timed = false;
  if (frame->step > costs->longest_step) costs->longest_step = frame->step;
  if (!room_show(room, screen, frame->commands)) return false;
  costs->frames++;
  return screen_end(screen, frame, stamps, walk(room, stamps));
}

static void set_title(const screen *screen, const room *room, double rate) {
  const mote_model_info *info = mote_model_get_info(room->model);
  const char *label = "none";
  if (room->context >= 0) label = room->context < info->label_count ? info->labels[room->context] : "?";
  char title[160];
  snprintf(title, sizeof title, "mote: %d of %d sprites, next: %s, %.0f frames/s, a step takes %.1f ms", room->finished,
           room->room_for, label, rate, room->step / 1000);
  SDL_SetWindowTitle(screen->window, title);
}

static void print_finished(room *room) {
  for (int i = 0; i < room->sprite_count; i++) {
    sprite *sprite = &room->sprites[i];
    if (!sprite->done || sprite->told) continue;
    printf("{\"sprite\": %d, \"x\": %d, \"y\": %d, \"context\": %d}\n", i, sprite->x, sprite->y, sprite->context);
    fflush(stdout);
    sprite->told = true;
  }
}

static bool play(screen *screen, room *room, const options *options, costs *costs) {
  static uint8_t floor[WORLD_WIDTH * WORLD_HEIGHT * 4];
  bool emptied = true;
  uint64_t start = SDL_GetTicks64(), last = start;
  room_draw(floor);
  while (handle_events(room, &emptied)) {
    uint64_t now = SDL_GetTicks64();
    if (options->seconds > 0 && (double)(now - start) > 1000 * options->seconds) break;
    if (emptied && !screen_upload(screen, floor)) return false;
    emptied = false;
    if (!draw_frame(screen, room, costs)) return false;
    print_finished(room);
    uint64_t took = SDL_GetTicks64() - now;
    if ((double)took > costs->longest_frame) costs->longest_frame = (double)took;
    if (took < FRAME_MILLISECONDS) SDL_Delay((uint32_t)(FRAME_MILLISECONDS - took));
    if (now - last > 500) {
      set_title(screen, room, 1000.0 * (double)costs->frames / (double)(now - start));
      last = now;
    }
  }
  return true;
}

static void print_results(const room *room, const costs *costs, double seconds) {
  printf("{\"frames\": %llu, \"seconds\": %.3f, \"finished\": %d, \"zoom\": %d, \"budget_us\": %.1f, "
         "\"measured\": %llu, \"over\": %llu, \"overplanned\": %llu, \"worst_us\": %.1f, \"longest_step_us\": %.1f, "
         "\"longest_frame_ms\": %.1f}\n",
         (unsigned long long)costs->frames, seconds, room->finished, ZOOM, room->budget,
         (unsigned long long)costs->measured, (unsigned long long)costs->over,
         (unsigned long long)costs->overplanned, costs->worst, costs->longest_step, costs->longest_frame);
}

int main(int argc, char **argv) {
  options options;
  static screen screen;
  static room room;
  costs costs = {0};
  if (!parse(argc, argv, &options)) {
    fprintf(stderr, "Usage: game MODEL.safetensors [--budget MICROSECONDS] [--steps N] [--seed S] [--seconds S] "
                    "[--costs FILE.csv]\n");
    return 2;
  }
  if (options.costs && !(costs.file = fopen(options.costs, "w"))) {
    perror(options.costs);
    return 1;
  }
  if (costs.file) fprintf(costs.file, "spent_us,budget_us,step_us\n");
  bool good = screen_open(&screen, "mote") && room_open(&room, &screen, options.model, options.steps);
  if (good) {
    room.budget = options.budget;
    room.seed = options.seed;
    uint64_t start = SDL_GetTicks64();
    good = play(&screen, &room, &options, &costs);
    vkQueueWaitIdle(screen.queue);
    print_results(&room, &costs, (double)(SDL_GetTicks64() - start) / 1000);
  }
  room_close(&room);
  screen_close(&screen);
  if (costs.file && fclose(costs.file)) good = false;
  return good ? 0 : 1;
}

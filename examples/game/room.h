// room.h: a room whose tiles fill with sprites while the frame rate holds: mote inside the game's own frames.
#ifndef GAME_ROOM_H
#define GAME_ROOM_H

#include <mote_vulkan.h>

#include "screen.h"

enum { TILE = 16, COLUMNS = WORLD_WIDTH / TILE, ROWS = WORLD_HEIGHT / TILE, MAX_SPRITES = COLUMNS * ROWS };
enum { SAMPLERS = 3 };

typedef struct sprite {
  int x, y;     // of its tile, in world pixels
  int context;  // label index, -1: none
  bool done, told;
} sprite;

typedef struct worker {
  mote_sampler *sampler;
  int sprite;  // that it makes now, -1: none
} worker;

typedef struct room {
  mote_device *device;
  mote_model *model;
  worker workers[SAMPLERS];
  sprite sprites[MAX_SPRITES];
  int sprite_count;    // begun so far
  int room_for;        // sprites that the room holds
  int finished;
  int context;         // of sprites that begin now
  uint64_t seed;
  double budget;       // microseconds a frame
  double step, begin;  // expected microseconds, the longest of the workers
  double planned;      // expected cost of what this frame recorded
  int frame_steps;     // recorded in this frame
} room;

// `steps` denoising steps a sprite. Everything that mote needs is made here.
bool room_open(room *room, const screen *screen, const char *model_path, int steps);
void room_close(room *room);

// Floor and walls, WORLD_WIDTH × WORLD_HEIGHT RGBA.
void room_draw(uint8_t *rgba);

// Records this frame's share of denoising, at most the budget and one step.
bool room_record(room *room, VkCommandBuffer commands);

// Records the sprites in the making, as they are now, into the world.
bool room_show(room *room, const screen *screen, VkCommandBuffer commands);

// Forgets all sprites, also those in the making.
void room_clear(room *room);

#endif

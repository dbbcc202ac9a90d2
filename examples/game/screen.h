// screen.h: the game's own Vulkan: a window's swapchain, one image that is the world, and a frame at a time.
#ifndef GAME_SCREEN_H
#define GAME_SCREEN_H

#include <volk.h>

#include <SDL2/SDL.h>
#include <stdbool.h>

enum { SWAP_IMAGES = 8, FRAMES = 2, WORLD_WIDTH = 240, WORLD_HEIGHT = 176, ZOOM = 3 };  // world: 15 × 11 tiles of 16

typedef struct frame {
  VkCommandPool pool;
  VkCommandBuffer commands;
  VkFence done;
  VkSemaphore acquired;
  bool timed;       // it was submitted with queries, not read yet
  double budget;    // that the game gave it, microseconds
  double step;      // longest step that was expected then
} frame;

typedef struct screen {
  SDL_Window *window;
  VkInstance instance;
  bool debug_utils;  // VK_EXT_debug_utils is enabled
  VkSurfaceKHR surface;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  uint32_t family;
  double tick_microseconds;  // 0: the queue has no timestamps
  VkSwapchainKHR swapchain;
  VkExtent2D extent;
  VkImage images[SWAP_IMAGES];
  VkSemaphore rendered[SWAP_IMAGES];
  uint32_t image_count, image;
  VkImage world;  // RGBA8 sRGB, in TRANSFER_SRC_OPTIMAL between frames
  VkDeviceMemory world_memory;
  frame frames[FRAMES];
  uint64_t frame_number;
  VkQueryPool queries;  // two a frame in flight: around what mote recorded
} screen;

// A piece of the world and where it is shown, in world pixels.
typedef struct stamp {
  int from_x, from_y, to_x, to_y, size;
} stamp;

bool screen_open(screen *screen, const char *title);
void screen_close(screen *screen);

// Waits for a free frame and a swapchain image. `*spent` is what the stretch between start and stop took when this
// frame was last used, in microseconds; below 0 where that is not known. NULL on failure.
frame *screen_begin(screen *screen, double *spent);
// A stretch of the frame's commands: timed, and a region in debuggers.
void screen_time_start(screen *screen, frame *frame);
void screen_time_stop(screen *screen, frame *frame);

// Shows the world and the stamps on it, and presents.
bool screen_end(screen *screen, frame *frame, const stamp *stamps, int stamp_count);

// Fills the world, RGBA. Between frames; waits.
bool screen_upload(screen *screen, const uint8_t *rgba);

#endif

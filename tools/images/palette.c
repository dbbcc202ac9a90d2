// palette.c: median cut (Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982).
//
// All colours start in one box. As long as colours may be added, the box with the largest squared error is cut along
// its worst channel at the weighted median; a box's colour is its weighted mean.
#include "tools/images/palette.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

#define PIXELS_MAX ((size_t)1 << 22)

typedef struct colour {
  uint32_t key;     // the channels' bytes, the first lowest
  uint64_t weight;  // how often it was seen
} colour;

typedef struct box {
  colour *colours;
  size_t count;
  int axis;        // the channel with the largest error
  uint64_t error;  // over all channels
  uint64_t worst;  // along `axis`
} box;

static uint32_t channel_of(const colour *c, int channel) { return c->key >> (8 * channel) & 255u; }

static int compare_colours(const void *left, const void *right) {
  uint32_t a = ((const colour *)left)->key, b = ((const colour *)right)->key;
  return (a > b) - (a < b);
}

static uint32_t box_mean(const box *b, int channel) {
  uint64_t sum = 0, weight = 0;
  for (size_t i = 0; i < b->count; i++) {
    sum += b->colours[i].weight * channel_of(&b->colours[i], channel);
    weight += b->colours[i].weight;
  }
  return (uint32_t)((sum + weight / 2) / weight);
}

static void box_measure(box *b, int channels) {
  b->axis = 0;
  b->error = b->worst = 0;
  for (int channel = 0; channel < channels; channel++) {
    int64_t mean = box_mean(b, channel);
    uint64_t error = 0;
    for (size_t i = 0; i < b->count; i++) {
      int64_t difference = (int64_t)channel_of(&b->colours[i], channel) - mean;
      error += b->colours[i].weight * (uint64_t)(difference * difference);
    }
    if (error > b->worst) {
      b->worst = error;
      b->axis = channel;
    }
    b->error += error;
  }
}

// The largest value of the lower half: at least half of the weight lies at or below it, and something above.
static uint32_t box_median(const box *b) {
  uint64_t histogram[256] = {0}, weight = 0, below = 0;
  for (size_t i = 0; i < b->count; i++) {
    histogram[channel_of(&b->colours[i], b->axis)] += b->colours[i].weight;
    weight += b->colours[i].weight;
  }
  int highest = 255;
  while (!histogram[highest]) highest--;
  uint32_t cut = 0;
  for (int value = 0; value < highest; value++) {
    if (!histogram[value]) continue;
    cut = (uint32_t)value;
    below += histogram[value];
    if (2 * below >= weight) break;
  }
  return cut;
}

// Keeps the lower half in `b` and gives the upper half. Only for a box with worst > 0: both have a colour then.
static box box_cut(box *b) {
  uint32_t median = box_median(b);
  size_t lower = 0;
  for (size_t i = 0; i < b->count; i++) {
    if (channel_of(&b->colours[i], b->axis) > median) continue;
    colour swapped = b->colours[i];
    b->colours[i] = b->colours[lower];
    b->colours[lower++] = swapped;
  }
  box upper = {.colours = b->colours + lower, .count = b->count - lower};
  b->count = lower;
  return upper;
}

// Gathers the distinct colours of the sources with their weights, in a fixed order.
static mote_status collect_colours(const palette_source *sources, size_t source_count, int channels, colour **colours,
                                   size_t *count, mote_error *error) {
  size_t total = 0;
  for (size_t s = 0; s < source_count; s++) total += sources[s].count;
  if (total == 0) return fail(error, MOTE_ERROR_USAGE, "palette: found no pixels to choose colours from");
  size_t stride = (total + PIXELS_MAX - 1) / PIXELS_MAX;
  colour *all = malloc((total / stride + source_count + 1) * sizeof *all);
  if (!all) return fail(error, MOTE_ERROR_MEMORY, "palette: no memory for the colours of %zu pixels", total);
  size_t used = 0;
  for (size_t s = 0; s < source_count; s++) {
    for (size_t i = 0; i < sources[s].count; i += stride) {
      uint32_t key = 0;
      for (int c = 0; c < channels; c++)
        key |= (uint32_t)sources[s].pixels[i * (size_t)channels + (size_t)c] << (8 * c);
      all[used++] = (colour){key, sources[s].weight};
    }
  }
  qsort(all, used, sizeof *all, compare_colours);
  size_t distinct = 0;
  for (size_t i = 0; i < used; i++) {
    if (distinct && all[distinct - 1].key == all[i].key)
      all[distinct - 1].weight += all[i].weight;
    else
      all[distinct++] = all[i];
  }
  *colours = all;
  *count = distinct;
  return MOTE_OK;
}

mote_status palette_build(const palette_source *sources, size_t source_count, int channels, int colour_count,
                          palette *palette, mote_error *error) {
  colour *colours = NULL;
  size_t count = 0;
  TRY(collect_colours(sources, source_count, channels, &colours, &count, error));
  box boxes[PALETTE_MAX] = {{.colours = colours, .count = count}};
  box_measure(&boxes[0], channels);
  int box_count = 1;
  while (box_count < colour_count) {
    int widest = 0;
    for (int i = 1; i < box_count; i++)
      if (boxes[i].error > boxes[widest].error) widest = i;
    if (boxes[widest].error == 0) break;  // every box holds one colour
    boxes[box_count] = box_cut(&boxes[widest]);
    box_measure(&boxes[widest], channels);
    box_measure(&boxes[box_count++], channels);
  }
  *palette = (struct palette){.channels = channels, .count = box_count};
  for (int i = 0; i < box_count; i++)
    for (int c = 0; c < channels; c++) palette->colours[i][c] = (uint8_t)box_mean(&boxes[i], c);
  free(colours);
  return MOTE_OK;
}

int palette_nearest(const palette *palette, const uint8_t *pixel) {
  int nearest = 0;
  int nearest_distance = 4 * 255 * 255 + 1;
  for (int i = 0; i < palette->count; i++) {
    int distance = 0;
    for (int c = 0; c < palette->channels; c++) {
      int difference = palette->colours[i][c] - pixel[c];
      distance += difference * difference;
    }
    if (distance < nearest_distance) {
      nearest_distance = distance;
      nearest = i;
    }
  }
  return nearest;
}

void palette_snap(const palette *palette, uint8_t *pixels, size_t count) {
  size_t channels = (size_t)palette->channels;
  for (size_t i = 0; i < count; i++) {
    uint8_t *pixel = pixels + i * channels;
    memcpy(pixel, palette->colours[palette_nearest(palette, pixel)], channels);
  }
}

// plot.c: draws the losses of a training run as a picture.
#include "tools/train/plot.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

enum {
  WIDTH = 720,
  HEIGHT = 432,
  LEFT = 64,
  RIGHT = WIDTH - 16,
  TOP = 32,
  BOTTOM = HEIGHT - 44,
  LETTER = 2,  // pixels of the picture for one of a glyph
};

typedef struct colour {
  uint8_t r, g, b;
} colour;

static const colour ink = {60, 60, 60}, grid_line = {228, 228, 228}, pale = {176, 204, 236}, dark = {24, 92, 168},
                    orange = {226, 106, 20};

// The part of the plane that the axes show; y is log10 of the loss.
typedef struct frame {
  image *picture;
  double x_end, y_low, y_high;
} frame;

// Glyphs of 3 × 5 pixels: five octal digits from the top row down, three bits each.
static const struct glyph {
  char letter;
  unsigned rows;
} glyphs[] = {
    {'0', 075557}, {'1', 026227}, {'2', 071747}, {'3', 071717}, {'4', 055711}, {'5', 074717}, {'6', 074757},
    {'7', 071111}, {'8', 075757}, {'9', 075717}, {'.', 000002}, {'-', 000700}, {'+', 002720}, {'A', 025755},
    {'D', 065556}, {'E', 074747}, {'G', 034553}, {'I', 072227}, {'L', 044447}, {'N', 065555}, {'O', 025552},
    {'P', 065644}, {'S', 034216}, {'T', 072222}, {'V', 055552}, {'R', 065655}, {'M', 057755},
};

static void set_pixel(image *picture, int x, int y, colour c) {
  if (x < 0 || y < 0 || x >= picture->width || y >= picture->height) return;
  uint8_t *pixel = picture->pixels + ((size_t)y * (size_t)picture->width + (size_t)x) * 3;
  pixel[0] = c.r;
  pixel[1] = c.g;
  pixel[2] = c.b;
}

static void fill_box(image *picture, int x, int y, int width, int height, colour c) {
  for (int j = 0; j < height; j++)
    for (int i = 0; i < width; i++) set_pixel(picture, x + i, y + j, c);
}

static int text_width(const char *text) {
  return (int)strlen(text) * 4 * LETTER - LETTER;
}

// A letter without a glyph leaves a gap.
static void draw_text(image *picture, int x, int y, const char *text, colour c) {
  for (; *text; text++, x += 4 * LETTER)
    for (size_t g = 0; g < sizeof glyphs / sizeof glyphs[0]; g++) {
      if (glyphs[g].letter != toupper((unsigned char)*text)) continue;
      for (int bit = 0; bit < 15; bit++)
        if (glyphs[g].rows >> (14 - bit) & 1)
          fill_box(picture, x + bit % 3 * LETTER, y + bit / 3 * LETTER, LETTER, LETTER, c);
    }
}

static int plane_x(const frame *f, double step) {
  return LEFT + (int)lround(step / f->x_end * (RIGHT - LEFT));
}

static int plane_y(const frame *f, double loss) {
  double share = (log10(loss) - f->y_low) / (f->y_high - f->y_low);
  // Far outliers stay at the edge.
  return BOTTOM - (int)lround(fmin(fmax(share, 0), 1) * (BOTTOM - TOP));
}

static void draw_line(image *picture, int x0, int y0, int x1, int y1, int width, colour c) {
  int length = abs(x1 - x0) > abs(y1 - y0) ? abs(x1 - x0) : abs(y1 - y0);
  for (int i = 0; i <= length; i++) {
    double t = length ? (double)i / length : 0;
    int x = (int)lround(x0 + t * (x1 - x0)), y = (int)lround(y0 + t * (y1 - y0));
    fill_box(picture, x, y, width, width, c);
  }
}

static bool drawable(double loss) {
  return isfinite(loss) && loss > 0;
}

static void widen(frame *f, double loss) {
  if (!drawable(loss)) return;
  f->y_low = fmin(f->y_low, log10(loss));
  f->y_high = fmax(f->y_high, log10(loss));
}

static void choose_frame(frame *f, const plot_point *points, size_t count) {
  f->x_end = 1;
  f->y_low = INFINITY;
  f->y_high = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    f->x_end = fmax(f->x_end, points[i].step);
    widen(f, points[i].loss);
    widen(f, points[i].val_loss);
  }
  if (f->y_low > f->y_high) f->y_low = -2, f->y_high = 0;
  f->y_low -= 0.06;  // room, and a height that is not 0
  f->y_high += 0.06;
}

// 1, 2 or 5 times a power of ten, so that at most eight fit.
static double tick_distance(double end) {
  double distance = pow(10, floor(log10(end / 8 > 1 ? end / 8 : 1)));
  static const double factors[] = {1, 2, 5, 10};
  for (int i = 0; i < 4; i++)
    if (end / (distance * factors[i]) <= 8) return distance * factors[i];
  return distance * 20;
}

// 1, 2 and 5 of a decade; all of 1 to 9 where the axis is shorter than that, and tenths where it is much shorter.
static bool is_labelled(const frame *f, int tenths) {
  double decades = f->y_high - f->y_low;
  if (decades < 0.25) return true;
  if (decades < 1) return tenths % 10 == 0;
  return tenths == 10 || tenths == 20 || tenths == 50;
}

static void draw_loss_tick(const frame *f, double loss) {
  if (log10(loss) < f->y_low || log10(loss) > f->y_high) return;
  char text[32];
  int y = plane_y(f, loss);
  draw_line(f->picture, LEFT, y, RIGHT, y, 1, grid_line);
  snprintf(text, sizeof text, "%.3g", loss);
  draw_text(f->picture, LEFT - 6 - text_width(text), y - 5, text, ink);
}

static void draw_axes(frame *f) {
  char text[32];
  double distance = tick_distance(f->x_end);
  for (int i = 0; i * distance <= f->x_end; i++) {
    int x = plane_x(f, i * distance);
    draw_line(f->picture, x, TOP, x, BOTTOM, 1, grid_line);
    snprintf(text, sizeof text, "%g", i * distance);
    draw_text(f->picture, x - text_width(text) / 2, BOTTOM + 8, text, ink);
  }
  for (int power = (int)floor(f->y_low); power <= (int)ceil(f->y_high); power++)
    for (int tenths = 10; tenths < 100; tenths++)
      if (is_labelled(f, tenths)) draw_loss_tick(f, tenths / 10.0 * pow(10, power));
  draw_line(f->picture, LEFT, TOP, LEFT, BOTTOM, 1, ink);
  draw_line(f->picture, LEFT, BOTTOM, RIGHT, BOTTOM, 1, ink);
  draw_text(f->picture, (LEFT + RIGHT - text_width("step")) / 2, BOTTOM + 26, "step", ink);
}

static void draw_curves(const frame *f, const plot_point *points, size_t count) {
  for (int pass = 0; pass < 2; pass++) {
    double window = fmax(1, (double)count / 50), mean = 0;
    int x = -1, y = 0;
    double seen = 0;
    for (size_t i = 0; i < count; i++) {
      if (!drawable(points[i].loss)) continue;
      // The moving average begins as a plain mean, not as the first value.
      seen++;
      mean += (points[i].loss - mean) / fmin(seen, window);
      int next_x = plane_x(f, points[i].step), next_y = plane_y(f, pass ? mean : points[i].loss);
      draw_line(f->picture, x < 0 ? next_x : x, x < 0 ? next_y : y, next_x, next_y, 1 + pass, pass ? dark : pale);
      x = next_x;
      y = next_y;
    }
  }
  for (size_t i = 0; i < count; i++)
    if (drawable(points[i].val_loss))
      fill_box(f->picture, plane_x(f, points[i].step) - 2, plane_y(f, points[i].val_loss) - 2, 5, 5, orange);
}

static void draw_legend(image *picture) {
  draw_line(picture, LEFT, 16, LEFT + 24, 16, 2, dark);
  draw_text(picture, LEFT + 32, 12, "training loss", ink);
  fill_box(picture, LEFT + 170, 14, 5, 5, orange);
  draw_text(picture, LEFT + 184, 12, "validation loss", ink);
}

mote_status plot_losses(image *picture, const plot_point *points, size_t count, mote_error *error) {
  *picture = (image){.width = WIDTH, .height = HEIGHT, .channels = 3};
  picture->pixels = malloc((size_t)WIDTH * HEIGHT * 3);
  if (!picture->pixels) return fail(error, MOTE_ERROR_MEMORY, "no memory for the loss curve");
  memset(picture->pixels, 255, (size_t)WIDTH * HEIGHT * 3);
  frame f = {.picture = picture};
  choose_frame(&f, points, count);
  draw_axes(&f);
  draw_curves(&f, points, count);
  draw_legend(picture);
  return MOTE_OK;
}

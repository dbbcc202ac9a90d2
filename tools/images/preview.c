// preview.c: shows a picture in the terminal, by libchafa.
#include "tools/images/preview.h"

#include "runtime/error.h"

#ifdef MOTE_CHAFA

#include <chafa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LARGEST_ZOOM = 4 };

// Of the terminal, in characters, and of a character in pixels. A pipe is taken for a terminal of 80 columns.
typedef struct terminal {
  int columns, cell_width, cell_height;
  ChafaTermInfo *info;
  ChafaPixelMode mode;
  ChafaCanvasMode colours;
} terminal;

mote_status preview_check(mote_error *error) {
  (void)error;
  return MOTE_OK;
}

static bool takes(const ChafaTermInfo *info, ChafaTermSeq sequence) { return chafa_term_info_have_seq(info, sequence); }

static terminal terminal_open(void) {
  terminal t = {.columns = 80, .cell_width = 8, .cell_height = 16, .mode = CHAFA_PIXEL_MODE_SYMBOLS,
                .colours = CHAFA_CANVAS_MODE_TRUECOLOR};
  struct winsize size = {0};
  bool there = isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row;
  if (!there) {
    t.info = chafa_term_db_get_fallback_info(chafa_term_db_get_default());
    return t;
  }
  t.columns = size.ws_col;
  if (size.ws_xpixel >= size.ws_col && size.ws_ypixel >= size.ws_row) {
    t.cell_width = size.ws_xpixel / size.ws_col;
    t.cell_height = size.ws_ypixel / size.ws_row;
  }
  gchar **environment = g_get_environ();
  t.info = chafa_term_db_detect(chafa_term_db_get_default(), environment);
  g_strfreev(environment);
  if (takes(t.info, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1))
    t.mode = CHAFA_PIXEL_MODE_KITTY;
  else if (takes(t.info, CHAFA_TERM_SEQ_BEGIN_SIXELS))
    t.mode = CHAFA_PIXEL_MODE_SIXELS;
  else if (!takes(t.info, CHAFA_TERM_SEQ_SET_COLOR_FGBG_DIRECT))
    t.colours = takes(t.info, CHAFA_TERM_SEQ_SET_COLOR_FGBG_256) ? CHAFA_CANVAS_MODE_INDEXED_240
                                                                  : CHAFA_CANVAS_MODE_INDEXED_16;
  return t;
}

// Each pixel becomes zoom_x × zoom_y of them, RGBA, on a clear canvas of width × height. The caller's to free().
static uint8_t *enlarge(const image *image, int zoom_x, int zoom_y, int width, int height) {
  uint8_t *out = calloc((size_t)width * (size_t)height, 4);
  if (!out) return NULL;
  int colours = image->channels > 2 ? 3 : 1;
  for (int y = 0; y < height && y / zoom_y < image->height; y++)
    for (int x = 0; x < width && x / zoom_x < image->width; x++) {
      const uint8_t *from =
          image->pixels + ((size_t)(y / zoom_y) * (size_t)image->width + (size_t)(x / zoom_x)) * (size_t)image->channels;
      uint8_t *to = out + ((size_t)y * (size_t)width + (size_t)x) * 4;
      for (int c = 0; c < 3; c++) to[c] = from[colours == 3 ? c : 0];
      to[3] = image->channels % 2 ? 255 : from[colours];
    }
  return out;
}

static int divide_up(int a, int b) { return (a + b - 1) / b; }

static void draw(const terminal *t, const uint8_t *pixels, int width, int height, int columns, int rows) {
  ChafaSymbolMap *symbols = chafa_symbol_map_new();
  chafa_symbol_map_add_by_tags(symbols, CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID | CHAFA_SYMBOL_TAG_VHALF);
  ChafaCanvasConfig *config = chafa_canvas_config_new();
  chafa_canvas_config_set_geometry(config, columns, rows);
  chafa_canvas_config_set_cell_geometry(config, t->cell_width, t->cell_height);
  chafa_canvas_config_set_pixel_mode(config, t->mode);
  chafa_canvas_config_set_canvas_mode(config, t->colours);
  chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_NONE);
  chafa_canvas_config_set_symbol_map(config, symbols);
  ChafaCanvas *canvas = chafa_canvas_new(config);
  chafa_canvas_draw_all_pixels(canvas, CHAFA_PIXEL_RGBA8_UNASSOCIATED, pixels, width, height, 4 * width);
  GString *text = chafa_canvas_print(canvas, t->info);
  fwrite(text->str, 1, text->len, stdout);
  putchar('\n');
  g_string_free(text, TRUE);
  chafa_canvas_unref(canvas);
  chafa_canvas_config_unref(config);
  chafa_symbol_map_unref(symbols);
}

int preview_columns(int width) {
  terminal t = terminal_open();
  chafa_term_info_unref(t.info);
  int columns = t.columns * (t.mode == CHAFA_PIXEL_MODE_SYMBOLS ? 1 : t.cell_width) / width;
  return columns > 0 ? columns : 1;
}

mote_status preview_print(const image *image, mote_error *error) {
  terminal t = terminal_open();
  int width, height, zoom_x = 8, zoom_y = 4, columns = image->width, rows = divide_up(image->height, 2);
  if (t.mode == CHAFA_PIXEL_MODE_SYMBOLS) {
    // libchafa matches 8 × 8 samples of a character: of these a pixel gets the upper or the lower half.
    width = 8 * columns;
    height = 8 * rows;
  } else {
    int zoom = t.columns * t.cell_width / image->width;
    zoom_x = zoom_y = zoom < 1 ? 1 : zoom > LARGEST_ZOOM ? LARGEST_ZOOM : zoom;
    columns = divide_up(image->width * zoom_x, t.cell_width);
    rows = divide_up(image->height * zoom_y, t.cell_height);
    width = columns * t.cell_width;
    height = rows * t.cell_height;
  }
  uint8_t *pixels = enlarge(image, zoom_x, zoom_y, width, height);
  if (pixels && columns > t.columns) {
    rows = divide_up(rows * t.columns, columns);
    columns = t.columns;
  }
  if (pixels) draw(&t, pixels, width, height, columns, rows);
  free(pixels);
  chafa_term_info_unref(t.info);
  return pixels ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "--preview: no memory for %d x %d pixels", width, height);
}

#else

mote_status preview_check(mote_error *error) {
  return fail(error, MOTE_ERROR_UNSUPPORTED, "--preview: this mote was built without libchafa: install it (on Debian, "
                                             "libchafa-dev), configure and build again");
}

int preview_columns(int width) {
  (void)width;
  return 1;
}

mote_status preview_print(const image *image, mote_error *error) {
  (void)image;
  return preview_check(error);
}

#endif

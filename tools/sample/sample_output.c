// sample_output.c: writes what a run made: all files, or on failure none.
//
// Everything is encoded and handed to temporary files first, where a full disk shows; then the files appear together.
#include "tools/sample/sample_output.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/files/npy.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/images/gif.h"
#include "tools/images/image.h"
#include "tools/images/image_indexed.h"
#include "tools/images/image_read.h"
#include "tools/images/palette_read.h"
#include "tools/images/preview.h"
#include "tools/images/sprite_sheet.h"
#include "tools/output.h"

#define MOMENTS 9
#define WAY_DELAY 10  // hundredths of a second that an image of a way is shown

static mote_status check_claims(const sample_options *o, int count, mote_error *error) {
  file_claims claims = {0};
  claims_read(&claims, "MODEL", o->model);
  claims_read(&claims, "--context-npy", o->context_npy);
  claims_read(&claims, "--x-init", o->x_init);
  for (int i = 0; i < o->init_count; i++) claims_read(&claims, "--init", o->inits[i]);
  claims_read(&claims, "--mask", o->mask);
  claims_read(&claims, "--palette", o->palette_file);
  claims_write(&claims, "-o", o->grid);
  claims_write(&claims, "--gif", o->gif);
  claims_write(&claims, "--moments", o->moments);
  claims_write(&claims, "--npy", o->npy);
  claims_write(&claims, "--sheet", o->sheet);
  claims_write_numbered(&claims, "--each", o->each, o->first, (uint64_t)count);
  return claims_settle(&claims, error);
}

mote_status sample_output_check_paths(const sample_options *o, int count, mote_error *error) {
  TRY(check_claims(o, count, error));
  return o->preview ? preview_check(error) : MOTE_OK;
}

static image_grid_desc describe_tile(const sample_options *o, const mote_model_info *model, const uint8_t *pixels) {
  return (image_grid_desc){
      .pixels = pixels, .count = 1, .tile = image_size_of(model), .scale = o->scale};
}

// What goes from one image to another lies in one row, if nothing else was asked for.
static image_grid_desc describe_grid(const sample_options *o, const mote_model_info *model, const uint8_t *pixels,
                                     int count) {
  image_grid_desc grid = describe_tile(o, model, pixels);
  grid.count = count;
  grid.columns = o->columns ? o->columns : o->interpolate ? count : 0;
  return grid;
}

mote_status sample_output_check_sizes(const sample_options *o, const mote_model_info *model, int count,
                                      mote_error *error) {
  palette palette;
  if (o->palette_file) TRY(palette_read(o->palette_file, model->channels, &palette, error));
  image_grid_desc grid = describe_grid(o, model, NULL, o->grid || o->gif ? count : 1);
  TRY(image_grid_check(&grid, error));
  if (o->moments) {
    grid.count = count * MOMENTS;
    grid.columns = MOMENTS;
    TRY(image_grid_check(&grid, error));
    grid = describe_grid(o, model, NULL, count);
  }
  if (!o->gif) return MOTE_OK;
  if (o->interpolate) grid = describe_tile(o, model, NULL);
  grid.scale = 1;
  image_grid_size size = image_grid_measure(&grid);
  gif_desc gif = {.width = (int)size.width, .height = (int)size.height, .scale = o->scale};
  return gif_check(&gif, error);
}

static mote_status write_grid(const sample_options *o, const mote_model_info *model, const sample_run *run,
                              file_writer *writer, mote_error *error) {
  image image;
  image_grid_desc grid = describe_grid(o, model, run->pixels, run->begun);
  TRY(image_grid_init(&image, &grid, error));
  mote_status status = image_write_png_indexed(&image, &run->palette, writer, error);
  image_finish(&image);
  return status;
}

static mote_status preview(const sample_options *o, const mote_model_info *model, const sample_run *run,
                           mote_error *error) {
  image image;
  image_grid_desc grid = describe_grid(o, model, run->pixels, run->begun);
  int columns = preview_columns(grid.tile.width);
  if (!o->columns || o->columns > columns) grid.columns = columns;
  grid.scale = 1;
  TRY(image_grid_init(&image, &grid, error));
  mote_status status = preview_print(&image, error);
  image_finish(&image);
  return status;
}

static const char *label_of(const void *options, uint64_t index) { return sample_options_spec(options, index); }

static mote_status write_sheet(const sample_options *o, const mote_model_info *model, const sample_run *run,
                               file_writer *writer, mote_error *error) {
  image_grid_desc grid = describe_grid(o, model, NULL, run->begun);
  return sprite_sheet_write(&(sprite_sheet_desc){.image = o->grid,
                                                 .count = run->begun,
                                                 .columns = image_grid_measure(&grid).columns,
                                                 .size = {grid.tile.width * o->scale, grid.tile.height * o->scale, model->channels},
                                                 .first = o->first,
                                                 .label = label_of,
                                                 .user = o,
                                                 .to_and_fro = o->interpolate,
                                                 .hash = o->sheet_format == SHEET_HASH},
                            writer, error);
}

// From the first image to the last and back.
static mote_status write_way(const sample_options *o, const mote_model_info *model, const sample_run *run,
                             file_writer *writer, mote_error *error) {
  int count = run->begun > 1 ? 2 * run->begun - 2 : 1;
  const image_size size = image_size_of(model);
  const uint8_t **frames = malloc((size_t)count * sizeof *frames);
  if (!frames) return fail(error, MOTE_ERROR_MEMORY, "--gif: no memory for %d frames", count);
  for (int f = 0; f < count; f++)
    frames[f] = run->pixels + (size_t)(f < run->begun ? f : count - f) * image_values(size);
  mote_status status = gif_write(&(gif_desc){.frames = frames,
                                             .frame_count = count,
                                             .width = size.width,
                                             .height = size.height,
                                             .channels = size.channels,
                                             .scale = o->scale,
                                             .delay = WAY_DELAY,
                                             .last_delay = WAY_DELAY},
                                 writer, error);
  free(frames);
  return status;
}

static mote_status write_trajectory(const sample_options *o, const mote_model_info *model, const sample_run *run,
                                    file_writer *writer, mote_error *error) {
  image frames[SAMPLE_FRAMES_MAX] = {0};
  const uint8_t *pixels[SAMPLE_FRAMES_MAX];
  gif_desc gif = {.frames = pixels, .frame_count = run->frame_count, .channels = model->channels, .scale = o->scale};
  mote_status status = MOTE_OK;
  for (int f = 0; f < run->frame_count; f++) {
    image_grid_desc grid = describe_grid(o, model, run->frames[f], run->begun);
    grid.scale = 1;
    TRY_GOTO(end, image_grid_init(&frames[f], &grid, error));
    pixels[f] = frames[f].pixels;
  }
  gif.width = frames[0].width;
  gif.height = frames[0].height;
  status = gif_write(&gif, writer, error);
end:
  for (int f = 0; f < run->frame_count; f++) image_finish(&frames[f]);
  return status;
}

// A row an image: as many moments as there are frames, nine at most, evenly spaced.
static mote_status write_moments(const sample_options *o, const mote_model_info *model, const sample_run *run,
                                 file_writer *writer, mote_error *error) {
  size_t bytes = image_values(image_size_of(model));
  int columns = run->frame_count < MOMENTS ? run->frame_count : MOMENTS;
  uint8_t *pixels = malloc((size_t)run->begun * (size_t)columns * bytes);
  if (!pixels) return fail(error, MOTE_ERROR_MEMORY, "--moments: no memory for %d images", run->begun);
  for (int i = 0; i < run->begun * columns; i++) {
    int frame = columns > 1 ? i % columns * (run->frame_count - 1) / (columns - 1) : 0;
    memcpy(pixels + (size_t)i * bytes, run->frames[frame] + (size_t)(i / columns) * bytes, bytes);
  }
  image image;
  image_grid_desc grid = describe_tile(o, model, pixels);
  grid.count = run->begun * columns;
  grid.columns = columns;
  mote_status status = image_grid_init(&image, &grid, error);
  free(pixels);
  if (status) return status;
  status = image_write_png(&image, writer, error);
  image_finish(&image);
  return status;
}

static mote_status write_each_file(const char *path, const image_grid_desc *grid, const palette *palette, file_group *group,
                                   mote_error *error) {
  image image;
  TRY(image_grid_init(&image, grid, error));
  file_writer writer = {0};
  mote_status status = MOTE_OK;
  TRY_GOTO(end, file_writer_init(&writer, path, error));
  TRY_GOTO(end, image_write_png_indexed(&image, palette, &writer, error));
  status = file_group_add(group, &writer, error);
end:
  if (status) file_writer_abort(&writer);
  image_finish(&image);
  return status;
}

// `*made`: the folder was not there.
static mote_status write_each(const sample_options *o, const mote_model_info *model, const sample_run *run, file_group *group,
                              bool *made, mote_error *error) {
  char path[PATH_MAX];
  int digits = numbered_digits(o->first, (uint64_t)run->count);  // names that do not depend on when it was ended
  *made = !mkdir(o->each, 0777);
  if (!*made && errno != EEXIST)
    return fail(error, MOTE_ERROR_FILE, "--each: cannot make the folder %s: %s", o->each, strerror(errno));
  size_t image_bytes = image_values(image_size_of(model));
  for (int i = 0; i < run->begun; i++) {
    if (snprintf(path, sizeof path, "%s/%0*" PRIu64 ".png", o->each, digits, o->first + (uint64_t)i) >= (int)sizeof path)
      return fail(error, MOTE_ERROR_FILE, "--each: %s: name too long", o->each);
    image_grid_desc grid = describe_tile(o, model, run->pixels + (size_t)i * image_bytes);
    TRY(write_each_file(path, &grid, &run->palette, group, error));
  }
  return MOTE_OK;
}

static mote_status snap_to_palette(const sample_options *o, const mote_model_info *model, sample_run *run,
                                   mote_error *error) {
  size_t count = (size_t)run->begun * image_area(image_size_of(model));
  palette_source source = {.pixels = run->pixels, .count = count, .weight = 1};
  TRY(o->palette_file ? palette_read(o->palette_file, model->channels, &run->palette, error)
                      : palette_build(&source, 1, model->channels, o->palette, &run->palette, error));
  palette_snap(&run->palette, run->pixels, count);
  return MOTE_OK;
}

// PNG, and what reads it, takes straight alpha.
static void straighten_alpha(const mote_model_info *model, sample_run *run) {
  size_t count = (size_t)run->begun * image_area(image_size_of(model));
  if (run->pixels) pixels_unpremultiply(run->pixels, count, model->channels);
  for (int f = 0; f < run->frame_count; f++) pixels_unpremultiply(run->frames[f], count, model->channels);
}

// Clear pixels lose their colour too, so that nothing shines through when the picture is filtered or compressed.
static void harden_alpha(int threshold, const mote_model_info *model, sample_run *run) {
  size_t channels = (size_t)model->channels;
  size_t count = (size_t)run->begun * image_area(image_size_of(model));
  for (size_t i = 0; i < count; i++) {
    uint8_t *pixel = run->pixels + i * channels;
    if (pixel[channels - 1] >= threshold)
      pixel[channels - 1] = 255;
    else
      memset(pixel, 0, channels);
  }
}

static mote_status write_npy(const sample_options *o, const mote_model_info *model, const sample_run *run, file_writer *writer,
                             mote_error *error) {
  (void)o;
  const image_size size = image_size_of(model);
  uint64_t dims[] = {(uint64_t)run->begun, (uint64_t)size.channels, (uint64_t)size.height, (uint64_t)size.width};
  return npy_stream_float(writer, dims, 4, run->images, error);
}

typedef mote_status write_function(const sample_options *o, const mote_model_info *model, const sample_run *run,
                                   file_writer *writer, mote_error *error);

// Writes one file, if it was asked for, and leaves it to the group.
static mote_status add_file(const char *path, write_function *write, const sample_options *o, const mote_model_info *model,
                            const sample_run *run, file_group *group, mote_error *error) {
  file_writer writer;
  if (!path) return MOTE_OK;
  TRY(file_writer_init(&writer, path, error));
  mote_status status = write(o, model, run, &writer, error);
  if (!status) return file_group_add(group, &writer, error);
  file_writer_abort(&writer);
  return status;
}

mote_status sample_output_write(const sample_options *o, const mote_model_info *model, sample_run *run,
                                mote_error *error) {
  file_group files = {0};
  bool made_folder = false;
  mote_status status = MOTE_OK;
  if (model->premultiplied) straighten_alpha(model, run);
  if (o->alpha_threshold && run->pixels) harden_alpha(o->alpha_threshold, model, run);
  if (o->palette || o->palette_file) TRY(snap_to_palette(o, model, run, error));
  TRY_GOTO(end, add_file(o->grid, write_grid, o, model, run, &files, error));
  TRY_GOTO(end, add_file(o->gif, o->interpolate ? write_way : write_trajectory, o, model, run, &files, error));
  TRY_GOTO(end, add_file(o->moments, write_moments, o, model, run, &files, error));
  TRY_GOTO(end, add_file(o->sheet, write_sheet, o, model, run, &files, error));
  TRY_GOTO(end, add_file(o->npy, write_npy, o, model, run, &files, error));
  if (o->each) TRY_GOTO(end, write_each(o, model, run, &files, &made_folder, error));
  if (o->preview) TRY_GOTO(end, preview(o, model, run, error));
  status = file_group_commit(&files, error);
end:
  file_group_abort(&files);
  if (status && made_folder) rmdir(o->each);
  return status;
}

// train_samples.c: the sample grids of a training run: averaged weights, always the same seed.
#include "tools/train/train_samples.h"

#include <stdlib.h>

#include "graph/nets/network.h"
#include "runtime/error.h"
#include "tools/data/contact_sheet.h"
#include "tools/images/image_read.h"
#include "tools/interrupt.h"

enum { COLUMNS = 8, CLASSLESS_ROWS = 4, ROWS_MOST = 64, SAMPLES_MOST = 128 };

static void lay_out(const mote_model_info *info, int *rows, int *columns) {
  const int labels = info->label_count;
  *rows = labels == 0 ? CLASSLESS_ROWS : labels < ROWS_MOST ? labels : ROWS_MOST;
  *columns = *rows * COLUMNS <= SAMPLES_MOST ? COLUMNS : SAMPLES_MOST / *rows;
}

int train_samples_count(const mote_model_info *info) {
  int rows, columns;
  lay_out(info, &rows, &columns);
  return rows * columns;
}

static mote_status prepare(train_samples *s, const mote_trainer *trainer, mote_model *model, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  const int labels = info->label_count;
  lay_out(info, &s->rows, &s->columns);
  const int count = s->rows * s->columns, at_once = mote_trainer_get_info(trainer).sampled;
  const size_t length = (size_t)network_context_count(info);
  s->batch = at_once && at_once < count ? at_once : count;
  const size_t room = (size_t)(count + s->batch);  // the last batch may end after the last image
  s->contexts = calloc(room * length, sizeof *s->contexts);
  s->pixels = malloc(room * image_values(image_size_of(info)));
  if (!s->contexts || !s->pixels) return fail(error, MOTE_ERROR_MEMORY, "no memory for %d samples", count);
  // Of more labels than rows, some that are spread over all.
  for (int i = 0; i < count && labels; i++) s->contexts[(size_t)i * length + (size_t)(i / s->columns * labels / s->rows)] = 1;
  mote_sampler_desc desc = {.model = model, .batch = s->batch, .guidance = 1};
  return mote_sampler_create(&desc, &s->sampler, error);
}

static mote_status save(const train_samples *s, const mote_model_info *info, const char *path, mote_error *error) {
  int64_t order[SAMPLES_MOST];
  const image_size size = image_size_of(info);
  const int side = size.width > size.height ? size.width : size.height;
  for (int i = 0; i < s->rows * s->columns; i++) order[i] = i;
  contact_sheet_desc desc = {.pixels = s->pixels,
                             .order = order,
                             .rows = s->rows,
                             .columns = s->columns,
                             .size = size,
                             .scale = side < 48 ? 48 / side : 1};
  image sheet;
  TRY(contact_sheet_init(&sheet, &desc, error));
  mote_status status = image_save_png(&sheet, path, error);
  image_finish(&sheet);
  return status;
}

// A batch from image `first` on.
static mote_status sample(train_samples *s, const mote_model_info *info, uint64_t seed, int first, mote_error *error) {
  const mote_sampler_request request = {.seed = seed,
                                        .context = s->contexts + (size_t)first * (size_t)network_context_count(info),
                                        .first_sample = (uint32_t)first};
  TRY(mote_sampler_begin(s->sampler, &request, error));
  // One step a submission: on a slow device Ctrl-C should not wait for all of them.
  for (int i = 0; i < mote_sampler_step_count(s->sampler); i++) {
    if (interrupt_seen()) return MOTE_OK;
    TRY(mote_sampler_run(s->sampler, 1, error));
  }
  return mote_sampler_read_pixels(s->sampler, s->pixels + (size_t)first * image_values(image_size_of(info)), error);
}

mote_status train_samples_write(train_samples *s, mote_trainer *trainer, uint64_t seed, const char *path,
                                mote_error *error) {
  mote_model *model = NULL;
  TRY(mote_trainer_get_model(trainer, &model, error));
  if (!s->sampler) TRY(prepare(s, trainer, model, error));
  for (int first = 0; first < s->rows * s->columns && !interrupt_seen(); first += s->batch)
    TRY(sample(s, mote_model_get_info(model), seed, first, error));
  if (interrupt_seen()) return MOTE_OK;
  const mote_model_info *info = mote_model_get_info(model);
  size_t pixels = (size_t)(s->rows * s->columns) * image_area(image_size_of(info));
  if (info->premultiplied) pixels_unpremultiply(s->pixels, pixels, info->channels);
  return save(s, info, path, error);
}

void train_samples_finish(train_samples *s) {
  mote_sampler_destroy(&s->sampler);
  free(s->contexts);
  free(s->pixels);
  *s = (train_samples){0};
}

// sample_inputs.c: the contexts and the starting noise of a run, an entry for every image.
#include "tools/sample/sample_inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/sample/context.h"

#define COUNT_DEFAULT 64
#define INTERPOLATE_COUNT_DEFAULT 9

// Without -n there are as many images as --x-init has rows from --first on, else 64 or, on the way from one to another,
// 9.
static mote_status settle_count(sample_inputs *in, const sample_options *o, mote_error *error) {
  in->count = o->count ? o->count : o->interpolate ? INTERPOLATE_COUNT_DEFAULT : COUNT_DEFAULT;
  if (!o->count && in->x_init.array.dim_count > 0 && in->x_init.array.dims[0] > o->first) {
    uint64_t rows = in->x_init.array.dims[0] - o->first;
    in->count = rows < SAMPLE_COUNT_MAX ? (int)rows : SAMPLE_COUNT_MAX;
  }
  if (o->gif && in->count > SAMPLE_GIF_MAX)
    return fail(error, MOTE_ERROR_USAGE, "%s: found %d images with --gif, expected at most %d; give -n", o->x_init,
                in->count, SAMPLE_GIF_MAX);
  uint64_t last = UINT32_MAX - (uint64_t)(in->count - 1);
  if (o->first > last)
    return fail(error, MOTE_ERROR_USAGE, "--first: found %" PRIu64 ", expected at most %" PRIu64 " with %d images",
                o->first, last, in->count);
  return MOTE_OK;
}

mote_status sample_inputs_init(sample_inputs *in, const sample_options *o, mote_error *error) {
  *in = (sample_inputs){0};
  mote_status status = MOTE_OK;
  if (o->context_npy) TRY_GOTO(end, tensor_init(&in->context_npy, o->context_npy, error));
  if (o->x_init) TRY_GOTO(end, tensor_init(&in->x_init, o->x_init, error));
  TRY_GOTO(end, sample_edit_init(&in->edit, o, error));
  TRY_GOTO(end, settle_count(in, o, error));
end:
  if (status) sample_inputs_finish(in);
  return status;
}

void sample_inputs_finish(sample_inputs *in) {
  tensor_finish(&in->context_npy);
  tensor_finish(&in->x_init);
  sample_edit_finish(&in->edit);
  free(in->contexts);
  free(in->avoid);
  free(in->noise);
  *in = (sample_inputs){0};
}

// Contexts from words: `count` rows of `option`'s.
static mote_status parse_contexts(const char *option, const char *const *specs, int count, const mote_model_info *model,
                                  float **rows, mote_error *error) {
  size_t length = (size_t)model->n_cfeat;
  *rows = malloc((size_t)count * length * sizeof **rows);
  if (!*rows) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %d contexts", option, count);
  for (int i = 0; i < count; i++) {
    mote_status status = context_parse(option, specs[i], model, *rows + (size_t)i * length, error);
    if (!status) continue;
    free(*rows);
    *rows = NULL;
    return status;
  }
  return MOTE_OK;
}

// The distinct contexts that were asked for, `*row_count` of them; NULL for none.
static mote_status read_contexts(const sample_inputs *in, const sample_options *o, const mote_model_info *model,
                                 float **rows, uint64_t *row_count, mote_error *error) {
  *rows = NULL;
  if (o->context_npy) {
    uint64_t dims[] = {0, (uint64_t)model->n_cfeat};
    TRY(tensor_check_shape(&in->context_npy, dims, 2, error));
    *row_count = in->context_npy.array.dims[0];
    return tensor_to_floats(&in->context_npy, rows, error);
  }
  *row_count = (uint64_t)o->context_count;
  return o->context_count ? parse_contexts("--context", o->contexts, o->context_count, model, rows, error) : MOTE_OK;
}

// One context for every image from `row_count` rows, which are released; NULL stays NULL.
static mote_status deal(const sample_inputs *in, uint64_t first, float *rows, uint64_t row_count, size_t length,
                        float **dealt, mote_error *error) {
  if (!rows) return MOTE_OK;
  *dealt = malloc((size_t)in->count * length * sizeof **dealt);
  for (int i = 0; i < in->count && *dealt; i++)
    memcpy(*dealt + (size_t)i * length, rows + (size_t)((first + (uint64_t)i) % row_count) * length,
           length * sizeof *rows);
  free(rows);
  return *dealt ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory for %d contexts", in->count);
}

// From the first of two rows, which are released, to the second in even steps.
static mote_status blend(const sample_inputs *in, float *rows, size_t length, float **blended, mote_error *error) {
  *blended = malloc((size_t)in->count * length * sizeof **blended);
  for (size_t i = 0; i < (size_t)in->count * length && *blended; i++) {
    double share = (double)(i / length) / (in->count - 1);
    (*blended)[i] = (float)((1 - share) * rows[i % length] + share * rows[length + i % length]);
  }
  free(rows);
  return *blended ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory for %d contexts", in->count);
}

static mote_status deal_contexts(sample_inputs *in, const sample_options *o, const mote_model_info *model,
                                 mote_error *error) {
  float *rows = NULL;
  uint64_t row_count = 0;
  size_t length = (size_t)model->n_cfeat;
  if (!length && (o->context_npy || o->context_count || o->avoid_count))
    return fail(error, MOTE_ERROR_USAGE, "%s: found with a model that takes no contexts",
                o->context_npy ? "--context-npy" : o->context_count ? "--context" : "--avoid");
  TRY(read_contexts(in, o, model, &rows, &row_count, error));
  TRY(o->interpolate && row_count == 2 ? blend(in, rows, length, &in->contexts, error)
                                       : deal(in, o->first, rows, row_count, length, &in->contexts, error));
  if (!o->avoid_count) return MOTE_OK;
  TRY(parse_contexts("--avoid", o->avoided, o->avoid_count, model, &rows, error));
  return deal(in, o->first, rows, (uint64_t)o->avoid_count, length, &in->avoid, error);
}

static mote_status take_noise(sample_inputs *in, const sample_options *o, const mote_model_info *model,
                              mote_error *error) {
  if (!o->x_init) return MOTE_OK;
  const image_size size = image_size_of(model);
  uint64_t dims[] = {0, (uint64_t)size.channels, (uint64_t)size.height, (uint64_t)size.width};
  TRY(tensor_check_shape(&in->x_init, dims, 4, error));
  uint64_t needed = o->first + (uint64_t)in->count;
  if (in->x_init.array.dims[0] < needed)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: found %" PRIu64 " rows, expected at least %" PRIu64 " for images %" PRIu64 " to %" PRIu64,
                o->x_init, in->x_init.array.dims[0], needed, o->first, needed - 1);
  TRY(tensor_to_image_floats(&in->x_init, &in->noise, error));
  in->x = in->noise + o->first * image_values(size);
  return MOTE_OK;
}

double sample_inputs_strength(const sample_options *o) {
  if (!o->inits || o->strength > 0) return o->strength;
  return o->mask ? 1 : 0.5;
}

static mote_status check_steps(const sample_options *o, const mote_model_info *model, mote_error *error) {
  double strength = sample_inputs_strength(o) > 0 ? sample_inputs_strength(o) : 1;
  int most = (int)floor(strength * model->timesteps + 0.5);  // as the library rounds
  if (most < 1) most = 1;
  if (o->steps <= most) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "--steps: found %d, expected 1 to %s%d timesteps", o->steps,
              strength < 1 ? "--strength's " : "the model's ", most);
}

mote_status sample_inputs_fit(sample_inputs *in, const sample_options *o, const mote_model_info *model,
                              mote_error *error) {
  TRY(check_steps(o, model, error));
  if (o->alpha_threshold && model->channels % 2)
    return fail(error, MOTE_ERROR_USAGE, "--alpha-threshold: found a model of %d channels, expected one with alpha",
                model->channels);
  TRY(deal_contexts(in, o, model, error));
  TRY(sample_edit_fit(&in->edit, o, model, in->count, error));
  return take_noise(in, o, model, error);
}

// metadata.c: reads a model's metadata, infers what is absent, and refuses what cannot be.
#include "graph/metadata.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/context_unet.h"
#include "graph/sprite_classifier.h"

typedef struct reader {
  const mote_device *device;
  const char *name;
  const safetensors *file;
  mote_error *error;
  const char *architecture;
} reader;

// Dimension `dim` of a tensor of the network, or -1 where there is no such tensor.
static int64_t dimension(const reader *r, const char *tensor, int dim) {
  const safetensors_entry *entry = safetensors_find(r->file, tensor);
  if (!entry || dim >= entry->dim_count || entry->dims[dim] > 1 << 20) return -1;
  return (int64_t)entry->dims[dim];
}

typedef struct range {
  int low, high, multiple;
} range;

// An integer from metadata, else `inferred` (said), which also must agree with metadata where both are known (>= 0).
static mote_status read_size(const reader *r, const char *key, int64_t inferred, range range, int *out) {
  const char *text = safetensors_metadata(r->file, key);
  int64_t value = inferred;
  if (text) {
    char *end;
    value = strtoll(text, &end, 10);
    if (end == text || *end)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', an integer was expected", r->name, key, text);
    if (inferred >= 0 && value != inferred)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is %lld, but the tensors' shapes say %lld", r->name, key,
                  (long long)value, (long long)inferred);
  } else if (inferred < 0) {
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: no metadata %s, and no tensor to infer it from: not a %s",
                r->name, key, r->architecture);
  } else {
    device_log(r->device, "%s: no metadata %s: %lld, from the tensors' shapes", r->name, key, (long long)value);
  }
  if (value < range.low || value > range.high || value % range.multiple)
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: %s is %lld, expected %d to %d%s%.0d", r->name, key, (long long)value,
                range.low, range.high, range.multiple > 1 ? " in steps of " : "", range.multiple > 1 ? range.multiple : 0);
  *out = (int)value;
  return MOTE_OK;
}

static mote_status read_number(const reader *r, const char *key, double fallback, double *out) {
  const char *text = safetensors_metadata(r->file, key);
  *out = fallback;
  if (!text) {
    device_log(r->device, "%s: no metadata %s: %g assumed", r->name, key, fallback);
    return MOTE_OK;
  }
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end || !isfinite(*out) || *out <= 0 || *out >= 1)
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', a number between 0 and 1 was expected",
                r->name, key, text);
  return MOTE_OK;
}

// One of `choices` (NULL-terminated), the first where metadata is absent.
static mote_status read_choice(const reader *r, const char *key, const char *const *choices, int *out) {
  const char *text = safetensors_metadata(r->file, key);
  *out = 0;
  if (!text) {
    device_log(r->device, "%s: no metadata %s: %s assumed", r->name, key, choices[0]);
    return MOTE_OK;
  }
  char known[100] = "";
  for (int i = 0; choices[i]; i++) {
    *out = i;
    if (strcmp(text, choices[i]) == 0) return MOTE_OK;
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", choices[i]);
  }
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', expected one of %s", r->name, key, text, known);
}

static mote_status read_labels(const reader *r, mote_model_info *info) {
  const char *text = safetensors_metadata(r->file, "labels");
  if (!text || !*text) return MOTE_OK;
  for (;;) {
    size_t length = strcspn(text, ",");
    if (info->label_count == MOTE_MAX_LABELS || length == 0 || length >= sizeof info->labels[0])
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata labels: at most %d labels of 1 to %zu bytes were expected",
                  r->name, MOTE_MAX_LABELS, sizeof info->labels[0] - 1);
    memcpy(info->labels[info->label_count], text, length);
    info->labels[info->label_count++][length] = 0;
    if (!text[length]) break;
    text += length + 1;
  }
  if (info->label_count != info->n_cfeat)
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata labels names %d, but n_cfeat is %d", r->name,
                info->label_count, info->n_cfeat);
  return MOTE_OK;
}

static mote_status read_classifier_shapes(const reader *r, mote_model_info *info) {
  TRY(read_size(r, "channels", dimension(r, "conv1.0.weight", 1), (range){1, 4, 1}, &info->channels));
  TRY(read_size(r, "n_feat", dimension(r, "conv1.0.weight", 0), (range){8, 1024, 8}, &info->n_feat));
  TRY(read_size(r, "n_cfeat", dimension(r, "classes.weight", 0), (range){1, MOTE_MAX_CONTEXT, 1}, &info->n_cfeat));
  return read_size(r, "height", -1, (range){4, 256, 4}, &info->height);
}

static mote_status read_shapes(const reader *r, mote_model_info *info) {
  if (is_classifier(info)) return read_classifier_shapes(r, info);
  int64_t quarter = dimension(r, "up0.0.weight", 2);
  TRY(read_size(r, "channels", dimension(r, "init_conv.conv1.0.weight", 1), (range){1, 4, 1}, &info->channels));
  TRY(read_size(r, "n_feat", dimension(r, "init_conv.conv1.0.weight", 0), (range){8, 1024, 8}, &info->n_feat));
  TRY(read_size(r, "n_cfeat", dimension(r, "contextembed1.model.0.weight", 1), (range){1, MOTE_MAX_CONTEXT, 1},
                &info->n_cfeat));
  TRY(read_size(r, "height", quarter < 0 ? -1 : 4 * quarter, (range){4, 256, 4}, &info->height));
  return MOTE_OK;
}

// 0 where it is absent.
static mote_status read_optional(const reader *r, const char *key, double most, double *out) {
  const char *text = safetensors_metadata(r->file, key);
  if (!text) return MOTE_OK;
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end || !(*out >= 0 && *out <= most))
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', a number from 0 to %g was expected", r->name, key,
                text, most);
  return MOTE_OK;
}

// Of models of few steps alone.
static mote_status read_distilled(const reader *r, mote_model_info *info) {
  if (!safetensors_metadata(r->file, "steps")) return MOTE_OK;
  TRY(read_size(r, "steps", -1, (range){1, info->timesteps, 1}, &info->steps));
  return read_optional(r, "guidance", 100, &info->guidance);
}

// Noise, and what the network makes of it.
static mote_status read_diffusion(const reader *r, mote_model_info *info) {
  static const char *const schedules[] = {"linear", "cosine", NULL};
  static const char *const predictions[] = {"epsilon", "v", "x0", NULL};
  int choice;
  if (safetensors_metadata(r->file, "timesteps")) {
    TRY(read_size(r, "timesteps", -1, (range){1, 100000, 1}, &info->timesteps));
  } else {
    info->timesteps = 500;
    device_log(r->device, "%s: no metadata timesteps: 500 assumed", r->name);
  }
  TRY(read_choice(r, "schedule", schedules, &choice));
  info->schedule = (mote_schedule)choice;
  TRY(read_number(r, "beta_start", 1e-4, &info->beta_start));
  TRY(read_number(r, "beta_end", 0.02, &info->beta_end));
  if (info->beta_start > info->beta_end)
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata beta_start is %g, at most the beta_end of %g was expected", r->name,
                info->beta_start, info->beta_end);
  TRY(read_choice(r, "prediction", predictions, &choice));
  info->prediction = (mote_prediction)choice;
  TRY(read_optional(r, "context_drop", 1, &info->context_drop));
  return read_distilled(r, info);
}

mote_status metadata_read(const mote_device *device, const char *name, const safetensors *file, mote_model_info *info,
                          mote_error *error) {
  static const char *const architectures[] = {CONTEXT_UNET, SPRITE_CLASSIFIER, NULL};
  static const char *const alphas[] = {"straight", "premultiplied", NULL};
  reader r = {device, name, file, error, architectures[0]};
  *info = (mote_model_info){0};
  int choice;
  TRY(read_choice(&r, "architecture", architectures, &choice));
  r.architecture = architectures[choice];
  snprintf(info->architecture, sizeof info->architecture, "%s", r.architecture);
  TRY(read_shapes(&r, info));
  if (!is_classifier(info)) TRY(read_diffusion(&r, info));
  if (info->channels % 2 == 0 && safetensors_metadata(file, "alpha")) {
    TRY(read_choice(&r, "alpha", alphas, &choice));
    info->premultiplied = choice == 1;
  }
  TRY(read_labels(&r, info));
  const char *trained_on = safetensors_metadata(file, "trained_on");
  snprintf(info->trained_on, sizeof info->trained_on, "%s", trained_on ? trained_on : "");
  return MOTE_OK;
}

// metadata.c: reads a model's metadata, infers what is absent, and refuses what cannot be.
#include "graph/nets/metadata.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/nets/context_unet.h"
#include "graph/nets/sprite_classifier.h"
#include "runtime/number.h"
#include "runtime/text.h"

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

// An integer from metadata, else `inferred` (said), which also must agree with metadata where both are known (>= 0).
static mote_status read_size(const reader *r, const char *key, int64_t inferred, int *out) {
  const char *text = safetensors_metadata(r->file, key);
  int64_t value = inferred;
  if (text) {
    char *end;
    value = strtoll(text, &end, 10);
    if (end == text || *end || value < INT_MIN || value > INT_MAX)
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
  *out = (int)value;
  return MOTE_OK;
}

// A number from metadata. Where it is absent `*out` stays as it is.
static mote_status read_number(const reader *r, const char *key, double *out) {
  const char *text = safetensors_metadata(r->file, key), *end;
  if (!text || (number_parse(text, &end, out) && !*end)) return MOTE_OK;
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', a number was expected", r->name, key, text);
}

static mote_status read_beta(const reader *r, const char *key, double fallback, double *out) {
  *out = fallback;
  if (!safetensors_metadata(r->file, key))
    device_log(r->device, "%s: no metadata %s: %g assumed", r->name, key, fallback);
  return read_number(r, key, out);
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

// Separated by commas.
static mote_status read_labels(const reader *r, const described *by, mote_model_info *info) {
  const char *text = safetensors_metadata(r->file, "labels");
  for (const char *at = text && *text ? text : NULL; at;) {
    const size_t length = strcspn(at, ",");
    if (info->label_count == MOTE_MAX_LABELS)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata labels names more than %d", r->name, MOTE_MAX_LABELS);
    TRY(metadata_check_label(by, info->label_count, at, length, r->error));
    memcpy(info->labels[info->label_count++], at, length);
    at = at[length] ? at + length + 1 : NULL;
  }
  return MOTE_OK;
}

static mote_status read_classifier_shapes(const reader *r, mote_model_info *info) {
  TRY(read_size(r, "channels", dimension(r, SPRITE_CLASSIFIER_FIRST, 1), &info->channels));
  TRY(read_size(r, "n_feat", dimension(r, SPRITE_CLASSIFIER_FIRST, 0), &info->n_feat));
  TRY(read_size(r, "n_cfeat", dimension(r, "classes.weight", 0), &info->n_cfeat));
  return read_size(r, "height", -1, &info->height);
}

static mote_status read_shapes(const reader *r, mote_model_info *info) {
  if (is_classifier(info)) return read_classifier_shapes(r, info);
  int64_t quarter = dimension(r, "up0.0.weight", 2);
  TRY(read_size(r, "channels", dimension(r, CONTEXT_UNET_FIRST, 1), &info->channels));
  TRY(read_size(r, "n_feat", dimension(r, CONTEXT_UNET_FIRST, 0), &info->n_feat));
  TRY(read_size(r, "n_cfeat", dimension(r, "contextembed1.model.0.weight", 1), &info->n_cfeat));
  return read_size(r, "height", quarter < 0 ? -1 : 4 * quarter, &info->height);
}

// Noise, and what the network makes of it; steps and guidance are of models of few steps alone.
static mote_status read_diffusion(const reader *r, mote_model_info *info) {
  int choice;
  if (safetensors_metadata(r->file, "timesteps")) {
    TRY(read_size(r, "timesteps", -1, &info->timesteps));
  } else {
    info->timesteps = 500;
    device_log(r->device, "%s: no metadata timesteps: 500 assumed", r->name);
  }
  TRY(read_choice(r, "schedule", metadata_schedules, &choice));
  info->schedule = (mote_schedule)choice;
  TRY(read_beta(r, "beta_start", 1e-4, &info->beta_start));
  TRY(read_beta(r, "beta_end", 0.02, &info->beta_end));
  TRY(read_choice(r, "prediction", metadata_predictions, &choice));
  info->prediction = (mote_prediction)choice;
  TRY(read_number(r, "context_drop", &info->context_drop));
  if (!safetensors_metadata(r->file, "steps")) return MOTE_OK;
  TRY(read_size(r, "steps", -1, &info->steps));
  if (info->steps == 0) return fail(r->error, MOTE_ERROR_FORMAT, "%s: steps is 0, expected 1 or more", r->name);
  return read_number(r, "guidance", &info->guidance);
}

double metadata_guidance(const mote_model_info *info) { return info->context_drop > 0 && !info->steps ? 2 : 1; }

mote_status metadata_read(const mote_device *device, const char *name, const safetensors *file, mote_model_info *info,
                          mote_error *error) {
  static const char *const architectures[] = {CONTEXT_UNET, SPRITE_CLASSIFIER, NULL};
  const described by = {name, MOTE_ERROR_FORMAT};
  reader r = {device, name, file, error, architectures[0]};
  *info = (mote_model_info){0};
  int choice;
  TRY(read_choice(&r, "architecture", architectures, &choice));
  r.architecture = architectures[choice];
  snprintf(info->architecture, sizeof info->architecture, "%s", r.architecture);
  TRY(read_shapes(&r, info));
  if (!is_classifier(info)) TRY(read_diffusion(&r, info));
  if (info->channels % 2 == 0 && safetensors_metadata(file, "alpha")) {
    TRY(read_choice(&r, "alpha", metadata_alphas, &choice));
    info->premultiplied = choice == 1;
  }
  TRY(read_labels(&r, &by, info));
  info->recommended_guidance = metadata_guidance(info);
  const char *trained_on = safetensors_metadata(file, "trained_on");
  if (trained_on) text_show(info->trained_on, sizeof info->trained_on, trained_on, "");
  return metadata_check(&by, info, error);
}

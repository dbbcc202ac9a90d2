// trainer_check.c: which descriptions a trainer can be made from.
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/diffusion/objective.h"
#include "graph/diffusion/trainer.h"
#include "graph/nets/metadata.h"
#include "graph/nets/network.h"

mote_status trainer_check_range(const char *name, double value, double low, double high, mote_error *error) {
  if (value >= low && value <= high) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s is %g, expected %g to %g", name, value, low, high);
}

static void set_defaults(mote_trainer_desc *desc) {
  if (desc->model.timesteps == 0) desc->model.timesteps = 500;
  if (desc->model.beta_start == 0) desc->model.beta_start = 1e-4;
  if (desc->model.beta_end == 0) desc->model.beta_end = 0.02;
  if (desc->batch == 0) desc->batch = 64;
  if (desc->accumulate == 0) desc->accumulate = 1;
  if (desc->learning_rate == 0) desc->learning_rate = 1e-3;
  if (desc->ema == 0) desc->ema = 0.999;
  const network *network = network_of(&desc->model);
  if (network && !desc->model.architecture[0])
    snprintf(desc->model.architecture, sizeof desc->model.architecture, "%s", network->name);
  if (!desc->model.width) desc->model.width = desc->model.height;
  objective_of(desc)->complete(desc);
  desc->model.context_drop = desc->context_drop;
}

mote_status trainer_fail_other(const char *found, const network_setting *setting, const mote_model_info *other,
                               const mote_model_info *wanted, mote_error *error) {
  const setting_value has = setting_get(other, setting), wants = setting_get(wanted, setting);
  return fail(error, MOTE_ERROR_USAGE, "%s %s %s, expected %s", found, setting->name, setting_format(setting, &has).text,
              setting_format(setting, &wants).text);
}

static mote_status check_start(const mote_trainer_desc *desc, mote_error *error) {
  if (!desc->start) return MOTE_OK;
  const mote_model_info *wanted = &desc->model, *start = &desc->start->info;
  if (strcmp(start->architecture, wanted->architecture))
    return fail(error, MOTE_ERROR_USAGE, "start: found weights of a %s, expected a %s", start->architecture,
                wanted->architecture);
  const network_setting *other = settings_differ(start, wanted, false);
  return other ? trainer_fail_other("start: found weights of", other, start, wanted, error) : MOTE_OK;
}

// Draws are dealt out by a permutation of at most so many.
static mote_status check_count(const mote_trainer_desc *desc, mote_error *error) {
  const uint32_t count = desc->data.count, most = (uint32_t)1 << 30;
  if (count == 0) return fail(error, MOTE_ERROR_USAGE, "there is no image to train on");
  if (count <= most) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "data: found %u images, expected at most %u", (unsigned)count, (unsigned)most);
}

mote_status trainer_check_total(mote_lr_schedule schedule, uint64_t total_steps, mote_error *error) {
  if (total_steps > UINT32_MAX)
    return fail(error, MOTE_ERROR_USAGE, "total_steps is %llu, expected at most %u", (unsigned long long)total_steps,
                UINT32_MAX);
  if (schedule == MOTE_LR_CONSTANT || total_steps > 0) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "total_steps is 0, but the learning-rate schedule must end somewhere");
}

static mote_status check_options(const mote_trainer_desc *desc, mote_error *error) {
  TRY(trainer_check_range("batch", desc->batch, 1, MOTE_BATCH_MAX, error));
  TRY(trainer_check_range("accumulate", desc->accumulate, 1, TRAINER_MOST_BATCHES, error));
  TRY(trainer_check_range("learning_rate", desc->learning_rate, 1e-12, 10, error));
  TRY(trainer_check_range("weight_decay", desc->weight_decay, 0, 10, error));
  TRY(trainer_check_range("ema", desc->ema, 0, 1, error));
  TRY(trainer_check_range("clip", desc->clip, 0, 1e9, error));
  TRY(trainer_check_range("context_drop", desc->context_drop, 0, 1, error));
  TRY(trainer_check_range("min_snr", desc->min_snr, 0, 1e9, error));
  TRY(trainer_check_range("flip", desc->flip, 0, 1, error));
  TRY(trainer_check_range("shift", desc->shift, 0, desc->model.height, error));
  TRY(trainer_check_range("lr_schedule", desc->lr_schedule, MOTE_LR_COSINE, MOTE_LR_CONSTANT, error));
  return trainer_check_total(desc->lr_schedule, desc->total_steps, error);
}

mote_status trainer_complete(const mote_trainer_desc *desc, mote_trainer_desc *out, mote_error *error) {
  if (!desc || !desc->device) return fail(error, MOTE_ERROR_USAGE, "a trainer needs a device");
  *out = *desc;
  set_defaults(out);
  const objective *objective = objective_of(out);
  if (objective->check) TRY(objective->check(out, error));
  TRY(metadata_check(&(described){"model", MOTE_ERROR_USAGE}, &out->model, error));
  TRY(network_check_images(&out->model, error));
  TRY(check_options(out, error));
  TRY(check_count(out, error));
  return check_start(out, error);
}

static mote_status check_set(const char *name, const mote_dataset *data, int n_cfeat, mote_error *error) {
  if (data->count && !data->pixels)
    return fail(error, MOTE_ERROR_USAGE, "%s: found %u images and no pixels", name, (unsigned)data->count);
  for (size_t i = 0; data->context && i < data->count * (size_t)n_cfeat; i++)
    if (!isfinite(data->context[i]))
      return fail(error, MOTE_ERROR_USAGE, "%s: number %zu of the context of image %zu is %g, expected a finite one",
                  name, i % (size_t)n_cfeat, i / (size_t)n_cfeat, (double)data->context[i]);
  return MOTE_OK;
}

mote_status trainer_check_data(const mote_trainer_desc *desc, mote_error *error) {
  TRY(check_set("data", &desc->data, network_context_count(&desc->model), error));
  return check_set("validation", &desc->validation, network_context_count(&desc->model), error);
}

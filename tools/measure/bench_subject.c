// bench_subject.c: makes what `mote bench` and `mote profile` measure.
#include "tools/measure/bench_subject.h"

#include <stdio.h>
#include <stdlib.h>

#include "graph/nets/metadata.h"
#include "graph/nets/settings.h"
#include "tools/images/image.h"
#include "tools/open.h"

// Settings with options of their own, in the order of bench_options.named.
static const struct {
  const char *option, *name, *usual;
} named[BENCH_NAMED] = {{"--n-feat", "n_feat", "64"}, {"--height", "height", "16"}, {"--channels", "channels", "3"}, {"--n-cfeat", "n_cfeat", "5"}};

mote_status bench_take_option(options *base, int value, const char *text, mote_error *error) {
  bench_options *o = (bench_options *)base;
  switch (value) {
    case BENCH_WHAT: return option_choice("--what", text, o->whats, &o->what, error);
    case BENCH_BATCH: return option_int("--batch", text, 1, MOTE_BATCH_MAX, &o->batch, error);
    case BENCH_REPEAT: return option_int("--repeat", text, 1, 1000, &o->repeat, error);
    case BENCH_N_FEAT:
    case BENCH_HEIGHT:
    case BENCH_CHANNELS:
    case BENCH_N_CFEAT: o->named[value - BENCH_N_FEAT] = text; return MOTE_OK;
    case BENCH_NET: o->net = text; return MOTE_OK;
    case BENCH_SETTINGS: o->settings = text; return MOTE_OK;
    case BENCH_SIZE: return option_size("--size", text, 1, IMAGE_MOST_SIDE, o->size, error);
    case BENCH_SHADERS: o->shaders = text; return MOTE_OK;
    case BENCH_COMPARE: o->compare = text; return MOTE_OK;
    case BENCH_RENDERDOC: o->renderdoc = text; return MOTE_OK;
    case BENCH_NPY: o->npy = text; return MOTE_OK;
    default: o->trace = text; return MOTE_OK;
  }
}

static bool is_shaped(const bench_options *o) {
  bool shaped = o->net || o->settings;
  for (int i = 0; i < BENCH_NAMED; i++) shaped = shaped || o->named[i];
  return shaped;
}

static mote_status check_compare(const bench_options *o, mote_error *error) {
  if (!o->path)
    return fail(error, MOTE_ERROR_USAGE, "--compare: found one file, %s, expected two: --compare a.json b.json",
                o->compare);
  if (o->what || o->trace || o->renderdoc || o->npy || o->shaders || o->batch || o->repeat || o->size[0] || is_shaped(o))
    return fail(error, MOTE_ERROR_USAGE, "--compare measures nothing: of the other options it takes --json alone");
  return MOTE_OK;
}

static mote_status check_capture(const bench_options *o, mote_error *error) {
  if (o->npy && !o->renderdoc)
    return fail(error, MOTE_ERROR_USAGE, "--npy: found no --renderdoc, whose step it is the result of");
  if (o->renderdoc && (o->trace || o->repeat))
    return fail(error, MOTE_ERROR_USAGE, "--renderdoc captures a step and times nothing: found %s",
                o->trace ? "--trace" : "--repeat");
  return MOTE_OK;
}

static mote_status check_shaders(const bench_options *o, mote_error *error) {
  if (o->shaders && (o->trace || o->renderdoc))
    return fail(error, MOTE_ERROR_USAGE, "--shaders: found %s too, expected one of them",
                o->trace ? "--trace" : "--renderdoc");
  return MOTE_OK;
}

static mote_status put(mote_model_info *shape, const network *net, const char *option, const char *name, const char *text,
                       mote_error *error) {
  const network_setting *setting = setting_find(net, name);
  setting_value value;
  if (!setting) return fail(error, MOTE_ERROR_USAGE, "%s: found no such setting of a %s", option, net->name);
  TRY(option_setting(option, text, setting, &value, error));
  return setting_put(shape, setting, &value) ? MOTE_OK : fail(error, MOTE_ERROR_USAGE, "%s: no room is left for it", option);
}

static mote_status make_shape(bench_options *o, mote_error *error) {
  int which = 0;
  setting_entry entry;
  if (o->net) TRY(option_choice("--net", o->net, network_names, &which, error));
  const network *net = network_at(which);
  if (net->classifies) return fail(error, MOTE_ERROR_USAGE, "--net: found %s, expected one that makes images", net->name);
  snprintf(o->shape.architecture, sizeof o->shape.architecture, "%s", net->name);
  for (int i = 0; i < BENCH_NAMED; i++)
    if (o->named[i] || setting_find(net, named[i].name))
      TRY(put(&o->shape, net, named[i].option, named[i].name, o->named[i] ? o->named[i] : named[i].usual, error));
  if (o->size[0] && o->named[BENCH_HEIGHT - BENCH_N_FEAT])
    return fail(error, MOTE_ERROR_USAGE, "found both --size and --height, expected one of them");
  if (o->size[0]) {
    o->shape.width = o->size[0];
    o->shape.height = o->size[1];
  }
  for (const char *at = o->settings; at && (at = settings_next(at, &entry));) {
    char option[64];
    snprintf(option, sizeof option, "--settings %s", entry.name);
    TRY(put(&o->shape, net, option, entry.name, entry.value, error));
  }
  return o->size[0] ? metadata_check_settings(&(described){"--size", MOTE_ERROR_USAGE}, &o->shape, error) : MOTE_OK;
}

static mote_status check_shape(bench_options *o, mote_error *error) {
  if (o->path && is_shaped(o))
    return fail(error, MOTE_ERROR_USAGE, "%s: --what unet, --net, --settings, --n-feat, --height, --channels and --n-cfeat are for "
                "random weights, without MODEL", o->path);
  return o->path ? MOTE_OK : make_shape(o, error);
}

mote_status bench_check_options(options *base, mote_error *error) {
  bench_options *o = (bench_options *)base;
  o->path = options_word(&o->base);
  TRY(options_no_more_words(&o->base, error));
  if (o->compare) return check_compare(o, error);
  TRY(check_capture(o, error));
  TRY(check_shaders(o, error));
  TRY(check_shape(o, error));
  if (!o->repeat) o->repeat = 9;
  return MOTE_OK;
}

static mote_status make_trainer(mote_device *device, const mote_model_info *info, const mote_model *start, int batch,
                                mote_trainer **out, mote_error *error) {
  const size_t image = network_image_size(info);
  uint8_t *pixels = malloc((size_t)batch * image);
  if (!pixels) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  uint32_t random = 1;
  for (size_t i = 0; i < (size_t)batch * image; i++) {
    random = random * 1664525u + 1013904223u;
    pixels[i] = (uint8_t)(random >> 24);
  }
  const mote_trainer_desc desc = {.device = device,
                                  .model = *info,
                                  .start = start,
                                  .data = {.count = (uint32_t)batch, .pixels = pixels},
                                  .batch = batch,
                                  .lr_schedule = MOTE_LR_CONSTANT};
  mote_status status = mote_trainer_create(&desc, out, error);
  free(pixels);
  return status;
}

mote_status bench_open(const bench_options *o, bench_subject *out, mote_error *error) {
  *out = (bench_subject){0};
  mote_status status = open_device(&o->base.common, &out->device, error);
  if (!status) say_device(mote_device_get_info(out->device));
  if (!status && o->path) status = open_sized_model(out->device, o->path, o->size, &out->loaded, error);
  if (!status && !o->path) {
    status = make_trainer(out->device, &o->shape, NULL, 1, &out->random, error);
    if (!status) status = mote_trainer_get_model(out->random, &out->model, error);
  } else {
    out->model = out->loaded;
  }
  if (status) bench_close(out);
  return status;
}

void bench_close(bench_subject *subject) {
  mote_model_destroy(&subject->loaded);
  mote_trainer_destroy(&subject->random);
  mote_device_destroy(&subject->device);
}

mote_status bench_make(const bench_subject *subject, bool train, int batch, profile_subject *out, mote_error *error) {
  *out = (profile_subject){0};
  const mote_model_info *info = mote_model_get_info(subject->model);
  if (train) return make_trainer(subject->device, info, subject->model, batch, &out->trainer, error);
  const mote_sampler_desc desc = {
      .model = subject->model, .batch = batch, .steps = info->timesteps < 25 ? info->timesteps : 25, .guidance = 1};
  return mote_sampler_create(&desc, &out->sampler, error);
}

void bench_release(profile_subject *subject) {
  mote_sampler_destroy(&subject->sampler);
  mote_trainer_destroy(&subject->trainer);
}

// train_options.c: what `mote train` was asked for.
#include "tools/train/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "graph/nets/metadata.h"
#include "runtime/error.h"
#include "tools/data/dataset_options.h"
#include "tools/output.h"

static const char *const lr_schedules[] = {
    [MOTE_LR_COSINE] = "cosine", [MOTE_LR_LINEAR] = "linear", [MOTE_LR_CONSTANT] = "constant", NULL};

#define AT(field) offsetof(train_options, field)
#define INT_MOST 2147483647.0

// To add an option: one field in train_options, one line here, and its default in train_options_default.
const train_setting train_settings[] = {
    {"output", 'o', SETTING_TEXT, SETTING_LOCAL, AT(output), 0, 0, NULL, "model.safetensors",
     "the weights to write; the run's folder stands beside them, its name ends in .run"},
    {"resume", 0, SETTING_FLAG, SETTING_LOCAL, AT(resume), 0, 0, NULL, NULL,
     "go on with the run of -o from its last checkpoint, with the settings of then"},
    {"force", 0, SETTING_FLAG, SETTING_LOCAL, AT(force), 0, 0, NULL, NULL,
     "replace a model and a run that are there already under the name of -o"},
    {"start", 0, SETTING_PATH, SETTING_FIXED, AT(start), 0, 0, NULL, "MODEL",
     "begin with these weights, whose shape, channels, size and noise hold unless other ones are asked for"},
    {"classifier", 0, SETTING_FLAG, SETTING_FIXED, AT(network.classifier), 0, 0, NULL, NULL,
     "learn to tell the classes apart instead of making images: a judge for mote evaluate"},
    {"teacher", 0, SETTING_PATH, SETTING_FIXED, AT(teacher), 0, 0, NULL, "MODEL",
     "learn to take its steps two at a time (see mote distill); begins with its weights unless --start says otherwise"},
    {"distill-steps", 0, SETTING_INT, SETTING_FIXED, AT(distill_steps), 1, 50000, NULL, "N",
     "with --teacher: steps that the model is to take, half as many as the teacher"},
    {"teacher-guidance", 0, SETTING_DOUBLE, SETTING_FIXED, AT(teacher_guidance), 0.01, 100, NULL, "W",
     "with --teacher: guidance that the model is to have built in (default 1)"},
    {"steps", 0, SETTING_INT, SETTING_FREE, AT(steps), 1, INT_MOST, NULL, "N", "end after N steps (default 5000)"},
    {"epochs", 0, SETTING_DOUBLE, SETTING_FREE, AT(epochs), 1e-3, 1e7, NULL, "E",
     "end when every image was seen E times on average"},
    {"minutes", 0, SETTING_DOUBLE, SETTING_FREE, AT(minutes), 1e-2, 1e6, NULL, "M",
     "end after M minutes of training in all, the learning rate ending with them"},
    {"net", 0, SETTING_CHOICE, SETTING_FIXED, AT(network.net), 0, 0, network_names, "NAME",
     NULL, true},  // train_network.c says which there are
    {"batch", 0, SETTING_INT, SETTING_FIXED, AT(batch), 1, MOTE_BATCH_MAX, NULL, "B", "images a batch (default 64)"},
    {"accumulate", 0, SETTING_INT, SETTING_FIXED, AT(accumulate), 1, 64, NULL, "A", "batches a step (default 1)"},
    {"lr", 0, SETTING_DOUBLE, SETTING_FIXED, AT(learning_rate), 1e-12, 10, NULL, "R", "learning rate (default 0.001)"},
    {"lr-schedule", 0, SETTING_CHOICE, SETTING_FIXED, AT(lr_schedule), 0, 0, lr_schedules, "NAME",
     "how the rate falls to 0: cosine, linear, or constant if it does not (default cosine)"},
    {"warmup", 0, SETTING_INT, SETTING_FIXED, AT(warmup), 0, 1e9, NULL, "N",
     "steps over which the rate rises from 0 (default 0)"},
    {"weight-decay", 0, SETTING_DOUBLE, SETTING_FIXED, AT(weight_decay), 0, 10, NULL, "W", "of AdamW (default 0)"},
    {"ema", 0, SETTING_DOUBLE, SETTING_FIXED, AT(ema), 0, 0.9999999, NULL, "D",
     "decay of the averaged weights, the ones that are saved (default 0.999)"},
    {"clip", 0, SETTING_DOUBLE, SETTING_FIXED, AT(clip), 0, 1e9, NULL, "G",
     "largest norm of the gradient, 0: any (default 1)"},
    {"target", 0, SETTING_CHOICE, SETTING_FIXED, AT(target), 0, 0, metadata_predictions, "NAME",
     "what the network predicts: epsilon, v, x0 or flow, which comes with its schedule (default v)"},
    {"min-snr", 0, SETTING_DOUBLE, SETTING_FIXED, AT(min_snr), 0, 1e9, NULL, "GAMMA",
     "weight timesteps by min(SNR, GAMMA), 0: all the same (default 5, of flow 0)"},
    {"schedule", 0, SETTING_CHOICE, SETTING_FIXED, AT(schedule), 0, 0, metadata_schedules, "NAME",
     "of the noise: linear, cosine, ddpm, scaled_linear or flow (default cosine)"},
    {"timesteps", 0, SETTING_INT, SETTING_FIXED, AT(timesteps), 1, 100000, NULL, "T", "of the noise (default 500)"},
    {"beta-start", 0, SETTING_DOUBLE, SETTING_FIXED, AT(beta_start), 1e-12, 0.999, NULL, "B", "of the linear schedules (default 0.0001)"},
    {"beta-end", 0, SETTING_DOUBLE, SETTING_FIXED, AT(beta_end), 1e-12, 0.999, NULL, "B", "of the linear schedules (default 0.02)"},
    {"context-drop", 0, SETTING_DOUBLE, SETTING_FIXED, AT(context_drop), 0, 1, NULL, "P",
     "part of the images that are shown without their class (default 0.1)"},
    {"flip", 0, SETTING_DOUBLE, SETTING_FIXED, AT(flip), 0, 1, NULL, "P",
     "part of the images that are mirrored left to right (default 0.5)"},
    {"shift", 0, SETTING_INT, SETTING_FIXED, AT(shift), 0, 256, NULL, "N",
     "move images by up to N pixels each way (default 0)"},
    {"holdout", 0, SETTING_DOUBLE, SETTING_FIXED, AT(holdout), 0, 0.9, NULL, "P",
     "part of every class that is held out for the validation loss (default 0.1)"},
    {"seed", 0, SETTING_UINT64, SETTING_FIXED, AT(seed), 0, 0, NULL, "S", "0 to 18446744073709551615 (default 0)"},
    {"channels", 0, SETTING_INT, SETTING_FIXED, AT(channels), 1, 4, NULL, "C",
     "1 grey, 3 RGB, 4 RGBA (default: of an array its own; of images 1 if all are grey, else 3)"},
    {"alpha", 0, SETTING_CHOICE, SETTING_FIXED, AT(alpha), 0, 0, metadata_alphas, "NAME",
     "with --channels 2 or 4: premultiplied, so that clear pixels have no colour to learn, or straight "
     "(default premultiplied)"},
    {"background", 0, SETTING_TEXT, SETTING_FIXED, AT(background), 0, 0, NULL, "COLOUR",
     "the colour that shows through transparent pixels: #rrggbb, black or white (default black)"},
    {"crop", 0, SETTING_TEXT, SETTING_FIXED, AT(crop), 0, 0, NULL, "WxH|square|shape",
     "cut images to that size at most, to squares, or to the shape of --size; the middle stays", true},
    {"pad", 0, SETTING_TEXT, SETTING_FIXED, AT(pad), 0, 0, NULL, "WxH|square|shape",
     "fill images up to that size, to squares, or to the shape of --size, with clear pixels; then --background shows through them",
     true},
    {"size", 0, SETTING_SIZE, SETTING_FIXED, AT(size), 1, IMAGE_MOST_SIDE, NULL, "N|WxH",
     "of the images that are learned: others are stretched to it, after --crop and --pad (default: as they are)", true},
    {"resize", 0, SETTING_SIZE, SETTING_FIXED, AT(resize), 1, IMAGE_MOST_SIDE, NULL, "N|WxH", "the same as --size"},
    {"tile", 0, SETTING_TEXT, SETTING_FIXED, AT(tile), 0, 0, NULL, "N|WxH", "size of a sheet's tiles, such as 16x24 across and down"},
    {"spacing", 0, SETTING_TEXT, SETTING_FIXED, AT(spacing), 0, 0, NULL, "N|WxH", "pixels between a sheet's tiles (default 0)",
     true},
    {"margin", 0, SETTING_TEXT, SETTING_FIXED, AT(margin), 0, 0, NULL, "N|WxH", "pixels around a sheet's tiles (default 0)",
     true},
    {"classes", 0, SETTING_PATH, SETTING_FIXED, AT(classes), 0, 0, NULL, "FILE|SPEC",
     "which rows of a sheet show what: hero=18-28;item=4,5,14:0-27 (after the colon: columns)"},
    {"labels", 0, SETTING_PATH, SETTING_FIXED, AT(labels), 0, 0, NULL, "l.npy",
     "classes of an array's images: (N,) integers or (N,K) one-hot"},
    {"contexts", 0, SETTING_PATH, SETTING_FIXED, AT(contexts), 0, 0, NULL, "c.npy",
     "contexts of an array's images: (N,K) numbers, taken as they are", true},
    {"attributes", 0, SETTING_TEXT, SETTING_FIXED, AT(attributes), 0, 0, NULL, "A[,B]|none",
     "columns of a folder's metadata.csv that are attributes of its images (default: all)", true},
    {"arrays", 0, SETTING_TEXT, SETTING_FIXED, AT(arrays), 0, 0, NULL, "X[,Y]",
     "arrays of a .npz file: images and, if it is to have classes, labels (default: those with usual names, such as x and y)",
     true},
    {"range", 0, SETTING_CHOICE, SETTING_FIXED, AT(range), 0, 0, dataset_ranges, "NAME",
     "numbers of black and white in an array: 0-1, 0-255 or -1-1 (default auto: 0-255 for integers, -1-1 for floats of which "
     "one is negative)", true},
    {"sample-every", 0, SETTING_INT, SETTING_FREE, AT(sample_every), 0, INT_MOST, NULL, "N",
     "steps between two sample grids and loss curves, 0: none (default: 20 in all)"},
    {"save-every", 0, SETTING_INT, SETTING_FREE, AT(save_every), 1, INT_MOST, NULL, "N",
     "steps between two checkpoints (default: one a minute)"},
    {"half", 0, SETTING_FLAG, SETTING_FREE, AT(half), 0, 0, NULL, NULL, "write the weights as F16"},
};
const int train_setting_count = sizeof train_settings / sizeof train_settings[0];
_Static_assert(sizeof train_settings / sizeof train_settings[0] + NETWORK_OPTIONS + NETWORK_FORMS <= TRAIN_SETTINGS_MAX, "make train_options larger");

static const char usage[] = "[DATA] -o model.safetensors [OPTION...]";
static const char notes[] =
    "DATA is a folder of images whose sub-folders are classes, or which metadata.csv gives attributes, a sprite sheet (with --tile and --classes), or a .npy\n"
    "or .npz file of images (with --labels). Left out: the sheet of Debian's package angband-data.\n\n"
    "Example: a model of your sprites in ten minutes, and on for another ten if it is not good enough yet:\n"
    "  mote train sprites/ -o sprites.safetensors --minutes 10\n"
    "  mote train -o sprites.safetensors --resume --minutes 20\n\n"
    "The folder sprites.safetensors.run takes checkpoints, settings.json, log.csv, loss.png and sample grids.\n"
    "Ctrl-C ends after the step at work, saves, and exits with 1. --resume goes on with the same bits on the same\n"
    "device. A loss that is not finite ends the run with the last good weights.\n";

static const train_options usual = {.batch = 64,
                                    .accumulate = 1,
                                    .alpha = ALPHA_PREMULTIPLIED,
                                    .timesteps = 500,
                                    .beta_start = 1e-4,
                                    .beta_end = 0.02,
                                    .lr_schedule = MOTE_LR_COSINE,
                                    .target = MOTE_PREDICT_V,
                                    .schedule = MOTE_SCHEDULE_COSINE,
                                    .learning_rate = 1e-3,
                                    .ema = 0.999,
                                    .clip = 1,
                                    .teacher_guidance = 1,
                                    .context_drop = 0.1,
                                    .min_snr = 5,
                                    .flip = 0.5,
                                    .holdout = 0.1,
                                    .sample_every = -1};

static void add_setting(train_options *o, const train_setting *setting) { o->settings[o->setting_count++] = *setting; }

// The settings of networks stand after the choice of one.
void train_options_default(train_options *o) {
  *o = usual;
  train_network_init(&o->network);
  for (int i = 0; i < train_setting_count; i++) {
    add_setting(o, &train_settings[i]);
    if (train_settings[i].choices != network_names) continue;
    o->settings[o->setting_count - 1].help = o->network.help;
    for (int k = 0; k < o->network.form_count; k++) {
      const network_form_option *form = &o->network.forms[k];
      const char *value = form->setting ? form->setting->value : form->value;
      add_setting(o, &(train_setting){.name = form->form->name,
                                      .kind = SETTING_NETWORK,
                                      .role = SETTING_LOCAL,
                                      .offset = (size_t)(value - (const char *)o),
                                      .argument = form->form->argument,
                                      .help = form->form->help});
    }
    for (int k = 0; k < o->network.count; k++) {
      const network_option *option = &o->network.settings[k];
      add_setting(o, &(train_setting){.name = option->name,
                                      .kind = SETTING_NETWORK,
                                      .role = SETTING_FIXED,
                                      .offset = (size_t)(option->value - (const char *)o),
                                      .argument = option->setting->argument,
                                      .help = option->help,
                                      .later = k > 0,
                                      .one_by_one = option->one_by_one});
    }
  }
}

void *train_setting_value(const train_options *o, const train_setting *s) {
  return (char *)(uintptr_t)o + s->offset;
}

static mote_status take_option(train_options *o, int index, const char *text, mote_error *error) {
  const train_setting *s = &o->settings[index];
  void *value = train_setting_value(o, s);
  char name[40];
  snprintf(name, sizeof name, s->letter ? "-%.1s" : "--%s", s->letter ? &s->letter : s->name);
  for (int i = 0; i < o->setting_count; i++) o->given[i] |= o->settings[i].offset == s->offset;  // by whichever name
  switch (s->kind) {
    case SETTING_INT:
      return option_int(name, text, (int)s->minimum, (int)s->maximum, value, error);
    case SETTING_SIZE:
      return option_size(name, text, (int)s->minimum, (int)s->maximum, value, error);
    case SETTING_UINT64:
      return option_uint64(name, text, UINT64_MAX, value, error);
    case SETTING_DOUBLE:
      return option_double(name, text, s->minimum, s->maximum, value, error);
    case SETTING_CHOICE:
      return option_choice(name, text, s->choices, value, error);
    case SETTING_TEXT:
    case SETTING_PATH:
      *(const char **)value = text;
      return MOTE_OK;
    case SETTING_FLAG:
      *(bool *)value = true;
      return MOTE_OK;
    case SETTING_NETWORK:
      return train_network_take(&o->network, s->name, text, error);
  }
  return MOTE_OK;
}

// Settings that have short forms stand in a table of their own.
static void fill_tables(train_options *o) {
  int counts[2] = {0};
  for (int i = 0; i < o->setting_count; i++) {
    const train_setting *s = &o->settings[i];
    struct poptOption *table = s->one_by_one ? o->one_by_one : o->table;
    table[counts[s->one_by_one]++] = (struct poptOption){.longName = s->name,
                                                         .shortName = s->letter,
                                                         .argInfo = s->kind == SETTING_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
                                                         .val = i + 1,
                                                         .descrip = s->help,
                                                         .argDescrip = s->argument};
  }
  o->desc = (options_desc){.name = "train", .usage = usage, .notes = notes, .table = o->table,
                           .further = o->one_by_one, .further_title = "A unet2d in detail, as its files have it:"};
}

bool train_option_given(const train_options *o, const char *name) {
  for (int i = 0; i < o->setting_count; i++)
    if (!strcmp(o->settings[i].name, name)) return o->given[i];
  return false;
}

// Flow matching is a target, a schedule and equal weights: one of the first two stands for all unless others are given.
static void complete_flow(train_options *o) {
  if (train_option_given(o, "schedule") && o->schedule == MOTE_SCHEDULE_FLOW && !train_option_given(o, "target"))
    o->target = MOTE_PREDICT_FLOW;
  if (o->target != MOTE_PREDICT_FLOW) return;
  if (!train_option_given(o, "schedule")) o->schedule = MOTE_SCHEDULE_FLOW;
  if (!train_option_given(o, "min-snr")) o->min_snr = 0;
}

static mote_status check_output(const train_options *o, mote_error *error) {
  if (!o->output) return fail(error, MOTE_ERROR_USAGE, "-o: not given, expected the .safetensors file to write");
  return output_check_extension("-o", o->output, ".safetensors", error);
}

bool train_options_init(train_options *o, int argc, const char **argv, int *exit_code) {
  train_options_default(o);
  fill_tables(o);
  mote_error error;
  const char *text = NULL;
  int value = 0;
  if (options_init(&o->base, &o->desc, argc, argv, &error)) goto fail;
  while ((value = options_next(&o->base, &text)) > 0)
    if (take_option(o, value - 1, text, &error)) goto fail;
  if (value == OPTIONS_STOP) {
    *exit_code = o->base.exit_code;
    return false;
  }
  complete_flow(o);
  o->data = options_word(&o->base);
  if (options_no_more_words(&o->base, &error) || check_output(o, &error)) goto fail;
  return true;
fail:
  *exit_code = report(&error);
  return false;
}

void train_options_finish(train_options *o) {
  cJSON_Delete(o->earlier);
  options_finish(&o->base);
  *o = (train_options){0};
}

static mote_status check_length(train_options *o, mote_error *error) {
  const char *const names[] = {"--steps", "--epochs", "--minutes"};
  const bool given[] = {o->steps > 0, o->epochs > 0, o->minutes > 0};
  for (int i = 0; i < 3; i++)
    for (int j = i + 1; j < 3; j++)
      if (given[i] && given[j])
        return fail(error, MOTE_ERROR_USAGE, "found both %s and %s, expected one of them", names[i], names[j]);
  if (!given[0] && !given[1] && !given[2]) o->steps = 5000;
  return MOTE_OK;
}

mote_status train_options_check(train_options *o, mote_error *error) {
  TRY(check_length(o, error));
  if (o->teacher && !o->distill_steps)
    return fail(error, MOTE_ERROR_USAGE, "--distill-steps: not given, expected the number of steps to learn");
  if (!o->teacher && (o->distill_steps || o->teacher_guidance != 1))
    return fail(error, MOTE_ERROR_USAGE, "--teacher: not given, expected the model whose steps are to be learned");
  TRY(train_network_check(&o->network, train_option_given(o, "net"), error));
  if (o->size[0] && o->resize[0]) return fail(error, MOTE_ERROR_USAGE, "found both --size and --resize, expected one of them");
  const int *size = o->size[0] ? o->size : o->resize;
  o->dataset = (dataset_desc){
      .path = o->data, .range = (dataset_range)o->range, .size = {size[0], size[1]}, .channels = o->channels};
  const struct {
    int option;
    const char *text;
  } texts[] = {{DATASET_TILE, o->tile},     {DATASET_SPACING, o->spacing}, {DATASET_MARGIN, o->margin},
               {DATASET_CROP, o->crop},     {DATASET_PAD, o->pad},         {DATASET_CLASSES, o->classes},
               {DATASET_LABELS, o->labels}, {DATASET_ARRAYS, o->arrays},   {DATASET_BACKGROUND, o->background},
               {DATASET_CONTEXTS, o->contexts}, {DATASET_ATTRIBUTES, o->attributes}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (texts[i].text) TRY(dataset_take_option(&o->dataset, texts[i].option, texts[i].text, error));
  return MOTE_OK;
}

// command_distill.c: `mote distill`: a model of few steps from one of many, by rounds of `mote train --teacher`.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/command.h"
#include "tools/open.h"
#include "tools/output.h"
#include "tools/train_options.h"

enum { OPTION_OUTPUT = 1, OPTION_STEPS, OPTION_FROM, OPTION_GUIDANCE, OPTION_ROUND_STEPS, OPTION_RESUME, OPTION_TRAIN };
enum { DEFAULT_FROM = 16, MOST_ARGUMENTS = 96 };

// Handed on to `mote train` as they are.
static const char *const handed_on[] = {"batch", "accumulate", "lr", "lr-schedule", "warmup", "weight-decay", "ema", "clip",
                                        "min-snr", "context-drop", "flip", "shift", "holdout", "seed", "background",
                                        "resize", "tile", "classes", "labels", "sample-every", "save-every", "half"};
enum { HANDED_ON = sizeof handed_on / sizeof *handed_on };

// Where mote train's defaults are not the best: a round is short and begins near its end, and its first steps count as much as
// its last.
static const struct {
  const char *option, *value;
} defaults[] = {{"--lr", "0.0005"}, {"--ema", "0.99"}, {"--min-snr", "0"}};
enum { DEFAULTS = sizeof defaults / sizeof *defaults };

static const struct poptOption own_table[] = {
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_OUTPUT, "the weights to write", "fast.safetensors"},
    {"steps", 0, POPT_ARG_STRING, NULL, OPTION_STEPS, "that the last model takes (default 2)", "N"},
    {"from", 0, POPT_ARG_STRING, NULL, OPTION_FROM,
     "steps of the first teacher, N times a power of two (default: those that MODEL was distilled to, else the first "
     "such number from 16 on)", "M"},
    {"guidance", 0, POPT_ARG_STRING, NULL, OPTION_GUIDANCE,
     "to build in, so that sampling does not pay for it; 1: none (default 2, or what MODEL has built in)", "W"},
    {"round-steps", 0, POPT_ARG_STRING, NULL, OPTION_ROUND_STEPS, "training steps of each halving (default 2000)", "N"},
    {"resume", 0, POPT_ARG_NONE, NULL, OPTION_RESUME, "go on with the round that was interrupted", NULL},
};
enum { OWN = sizeof own_table / sizeof *own_table };

typedef struct distill_options {
  options base;
  const char *model, *data, *output;
  int steps, from, round_steps;  // from 0: not given
  double guidance;               // 0: not given
  bool resume;
  bool given[DEFAULTS];
  const char *words[MOST_ARGUMENTS];  // handed on, "--batch=64"
  int word_count;
  char *owned[HANDED_ON];  // of them, to be freed
  int owned_count;
  struct poptOption table[OWN + HANDED_ON + 1];
  options_desc desc;
} distill_options;

static const train_setting *find_setting(const char *name) {
  for (int i = 0; i < train_setting_count; i++)
    if (!strcmp(train_settings[i].name, name)) return &train_settings[i];
  return NULL;
}

static void fill_table(distill_options *o) {
  memcpy(o->table, own_table, sizeof own_table);
  for (int i = 0; i < HANDED_ON; i++) {
    const train_setting *s = find_setting(handed_on[i]);
    o->table[OWN + i] = (struct poptOption){.longName = s->name,
                                            .argInfo = s->kind == SETTING_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
                                            .val = OPTION_TRAIN + i,
                                            .descrip = "as for mote train",
                                            .argDescrip = s->argument};
  }
  o->desc = (options_desc){
      .name = "distill",
      .usage = "MODEL [DATA] -o fast.safetensors [OPTION...]",
      .table = o->table,
      .notes = "Progressive distillation: each round trains a model to take the last one's DDIM steps two at a time, from M\n"
               "steps down to N. DATA is what MODEL was trained on, as for mote train. The models of the rounds before the\n"
               "last stand beside it, fast-8.safetensors takes 8 steps. mote sample knows how many steps a model takes.\n"
               "Without them given, --lr is 0.0005, --ema 0.99 and --min-snr 0.\n\n"
               "Example: a model of 2 steps, by way of 8 and 4\n"
               "  mote distill sprites.safetensors sprites/ -o fast.safetensors --steps 2 --from 16\n"};
}

static mote_status hand_on(distill_options *o, const char *name, const char *value, mote_error *error) {
  size_t bytes = strlen(name) + (value ? strlen(value) : 0) + 4;
  char *word = malloc(bytes);
  if (!word) return fail(error, MOTE_ERROR_MEMORY, "no memory to read the options");
  snprintf(word, bytes, "--%s%s%s", name, value ? "=" : "", value ? value : "");
  if (o->owned_count == HANDED_ON) {
    free(word);
    return fail(error, MOTE_ERROR_USAGE, "--%s: found once more, expected each option once", name);
  }
  o->owned[o->owned_count++] = word;
  o->words[o->word_count++] = word;
  for (int i = 0; i < DEFAULTS; i++) o->given[i] |= !strcmp(name, defaults[i].option + 2);
  return MOTE_OK;
}

static mote_status take_option(distill_options *o, int value, const char *text, mote_error *error) {
  switch (value) {
    case OPTION_OUTPUT: o->output = text; return MOTE_OK;
    case OPTION_STEPS: return option_int("--steps", text, 1, 1024, &o->steps, error);
    case OPTION_FROM: return option_int("--from", text, 2, 4096, &o->from, error);
    case OPTION_GUIDANCE: return option_double("--guidance", text, 0.01, 100, &o->guidance, error);
    case OPTION_ROUND_STEPS: return option_int("--round-steps", text, 1, INT_MAX, &o->round_steps, error);
    case OPTION_RESUME: o->resume = true; return MOTE_OK;
    default: return hand_on(o, handed_on[value - OPTION_TRAIN], text, error);
  }
}

static mote_status read_options(distill_options *o, int *value, mote_error *error) {
  const char *text = NULL;
  while ((*value = options_next(&o->base, &text)) > 0) TRY(take_option(o, *value, text, error));
  if (*value == OPTIONS_STOP) return MOTE_OK;
  o->model = options_word(&o->base);
  o->data = o->model ? options_word(&o->base) : NULL;
  TRY(options_no_more_words(&o->base, error));
  if (!o->model) return fail(error, MOTE_ERROR_USAGE, "MODEL: not given, expected the .safetensors file to distill");
  if (!o->output) return fail(error, MOTE_ERROR_USAGE, "-o: not given, expected the .safetensors file to write");
  return output_check_extension("-o", o->output, ".safetensors", error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounds

// What MODEL says about itself decides what was not given.
static mote_status settle(distill_options *o, mote_error *error) {
  mote_device *device = NULL;
  mote_model *model = NULL;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  TRY_GOTO(end, open_model(device, o->model, &model, error));
  TRY_GOTO(end, check_makes_images(model, o->model, error));
  const mote_model_info *info = mote_model_get_info(model);
  if (o->guidance == 0) o->guidance = usual_guidance(info);
  if (o->from == 0) o->from = info->steps;
  if (o->from == 0)
    for (o->from = 2 * o->steps; o->from < DEFAULT_FROM;) o->from *= 2;
  int halved = o->from;
  while (halved > o->steps && halved % 2 == 0) halved /= 2;
  if (halved != o->steps || o->from == o->steps || o->from > info->timesteps)
    status = fail(error, MOTE_ERROR_USAGE,
                  "--from: found %d, expected --steps %d times 2, 4, 8 and so on, and at most the model's %d timesteps",
                  o->from, o->steps, info->timesteps);
end:
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

// "fast.safetensors" of the last round, "fast-8.safetensors" of one before.
static void name_round(const distill_options *o, int steps, char path[PATH_MAX]) {
  int stem = (int)(strlen(o->output) - strlen(".safetensors"));
  if (steps == o->steps)
    snprintf(path, PATH_MAX, "%s", o->output);
  else
    snprintf(path, PATH_MAX, "%.*s-%d.safetensors", stem, o->output, steps);
}

// Words of the command line that are the same in every round.
static void add_common(const distill_options *o, const char **words, int *count) {
  static const char *const kernels[] = {"auto", "plain", "texel", "tiled", "matrix"}, *const tunes[] = {"off", "fast", "full"};
  const common_options *c = &o->base.common;
  if (c->device) words[(*count)++] = "--device", words[(*count)++] = c->device;
  if (c->cache) words[(*count)++] = "--cache", words[(*count)++] = c->cache;
  if (c->kernels) words[(*count)++] = "--kernels", words[(*count)++] = kernels[c->kernels];
  if (c->tune_given) words[(*count)++] = "--tune", words[(*count)++] = tunes[c->tune];
  if (c->json) words[(*count)++] = "--json";
  if (c->verbose) words[(*count)++] = "--verbose";
  if (c->validation) words[(*count)++] = "--validation";
  if (c->separate_buffers) words[(*count)++] = "--separate-buffers";
  if (o->resume) words[(*count)++] = "--resume";
  for (int i = 0; i < DEFAULTS; i++)
    if (!o->given[i]) words[(*count)++] = defaults[i].option, words[(*count)++] = defaults[i].value;
  for (int i = 0; i < o->word_count; i++) words[(*count)++] = o->words[i];
}

static int run_round(const distill_options *o, int steps, const char *teacher, const char *output) {
  char steps_text[16], guidance[32], length[16];
  snprintf(steps_text, sizeof steps_text, "%d", steps);
  snprintf(guidance, sizeof guidance, "%.9g", 2 * steps == o->from ? o->guidance : 1);
  snprintf(length, sizeof length, "%d", o->round_steps);
  const char *words[MOST_ARGUMENTS] = {"train", "-o", output, "--teacher", teacher, "--distill-steps", steps_text,
                                       "--teacher-guidance", guidance, "--steps", length};
  int count = 11;
  if (o->data) words[count++] = o->data;
  add_common(o, words, &count);
  return command_train(count, words);
}

static int run(distill_options *o) {
  mote_error error;
  if (settle(o, &error)) return report(&error);
  char teacher[PATH_MAX], output[PATH_MAX];
  snprintf(teacher, sizeof teacher, "%s", o->model);
  for (int steps = o->from / 2; steps >= o->steps; steps /= 2) {
    name_round(o, steps, output);
    say("%d steps from %d: %s", steps, 2 * steps, output);
    int code = run_round(o, steps, teacher, output);
    if (code) return code;
    memcpy(teacher, output, sizeof teacher);
  }
  return COMMAND_DONE;
}

int command_distill(int argc, const char **argv) {
  distill_options o = {.steps = 2, .round_steps = 2000};
  mote_error error;
  int value = 0, exit_code;
  fill_table(&o);
  if (options_init(&o.base, &o.desc, argc, argv, &error) || read_options(&o, &value, &error))
    exit_code = report(&error);
  else
    exit_code = value == OPTIONS_STOP ? o.base.exit_code : run(&o);
  for (int i = 0; i < o.owned_count; i++) free(o.owned[i]);
  options_finish(&o.base);
  return exit_code;
}

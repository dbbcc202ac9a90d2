// distill.c: `mote distill`: a model of few steps from one of many, by rounds of `mote train --teacher`.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/error.h"
#include "tools/command.h"
#include "tools/open.h"
#include "tools/output.h"
#include "tools/train/distill_plan.h"
#include "tools/train/train_options.h"
#include "tools/train/train_paths.h"

enum { OPTION_OUTPUT = 1, OPTION_STEPS, OPTION_FROM, OPTION_GUIDANCE, OPTION_ROUND_STEPS, OPTION_RESUME, OPTION_FORCE,
       OPTION_TRAIN };
enum { DEFAULT_STEPS = 2, DEFAULT_FROM = 16, DEFAULT_ROUND_STEPS = 2000, MOST_ARGUMENTS = 128 };

// Handed on to `mote train` as they are.
static const char *const handed_on[] = {"batch", "accumulate", "lr", "lr-schedule", "warmup", "weight-decay", "ema", "clip",
                                        "min-snr", "context-drop", "flip", "shift", "holdout", "seed", "background",
                                        "crop", "pad", "size", "resize", "tile", "spacing", "margin", "classes", "labels", "contexts", "attributes", "arrays",
                                        "range", "sample-every", "save-every", "half"};
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
    {"resume", 0, POPT_ARG_NONE, NULL, OPTION_RESUME, "go on with the round of -o that was interrupted, as it was asked for then",
     NULL},
    {"force", 0, POPT_ARG_NONE, NULL, OPTION_FORCE, "replace models and runs that are there already under the names of the rounds",
     NULL},
};
enum { OWN = sizeof own_table / sizeof *own_table };

typedef struct distill_options {
  options base;
  distill_plan plan;  // of this command line, with --resume together with the one of then
  const char *output;
  bool resume;
  cJSON *earlier;  // the plan of then, whose strings are used; NULL: none
  train_paths last;  // of the last round's run: where the plan is
  char plan_path[PATH_MAX];
  char *owned[HANDED_ON];  // words of the plan, to be freed
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
  o->plan.words[o->plan.word_count++] = word;
  return MOTE_OK;
}

static mote_status take_option(distill_options *o, int value, const char *text, mote_error *error) {
  switch (value) {
    case OPTION_OUTPUT: o->output = text; return MOTE_OK;
    case OPTION_STEPS: return option_int("--steps", text, 1, 1024, &o->plan.steps, error);
    case OPTION_FROM: return option_int("--from", text, 2, 4096, &o->plan.from, error);
    case OPTION_GUIDANCE: return option_double("--guidance", text, 0.01, 100, &o->plan.guidance, error);
    case OPTION_ROUND_STEPS: return option_int("--round-steps", text, 1, INT_MAX, &o->plan.round_steps, error);
    case OPTION_RESUME: o->resume = true; return MOTE_OK;
    case OPTION_FORCE: o->plan.force = true; return MOTE_OK;
    default: return hand_on(o, handed_on[value - OPTION_TRAIN], text, error);
  }
}

static mote_status read_options(distill_options *o, int *value, mote_error *error) {
  const char *text = NULL;
  while ((*value = options_next(&o->base, &text)) > 0) TRY(take_option(o, *value, text, error));
  if (*value == OPTIONS_STOP) return MOTE_OK;
  o->plan.model = options_word(&o->base);
  o->plan.data = o->plan.model ? options_word(&o->base) : NULL;
  TRY(options_no_more_words(&o->base, error));
  if (o->resume && o->plan.force)
    return fail(error, MOTE_ERROR_USAGE, "found both --resume and --force, expected one of them");
  if (!o->plan.model && !o->resume) return fail(error, MOTE_ERROR_USAGE, "MODEL: not given, expected the .safetensors file to distill");
  if (!o->output) return fail(error, MOTE_ERROR_USAGE, "-o: not given, expected the .safetensors file to write");
  return output_check_extension("-o", o->output, ".safetensors", error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounds

// What MODEL says about itself decides what was not given.
static mote_status settle(distill_options *o, mote_error *error) {
  distill_plan *p = &o->plan;
  mote_device *device = NULL;
  mote_model *model = NULL;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  TRY_GOTO(end, open_model(device, p->model, &model, error));
  TRY_GOTO(end, check_makes_images(model, p->model, error));
  const mote_model_info *info = mote_model_get_info(model);
  p->kernels = kernels_text(&o->base.common);
  if (p->steps == 0) p->steps = DEFAULT_STEPS;
  if (p->round_steps == 0) p->round_steps = DEFAULT_ROUND_STEPS;
  if (p->guidance == 0) p->guidance = info->recommended_guidance;
  if (p->from == 0) p->from = info->steps;
  if (p->from == 0)
    for (p->from = 2 * p->steps; p->from < DEFAULT_FROM;) p->from *= 2;
  int halved = p->from;
  while (halved > p->steps && halved % 2 == 0) halved /= 2;
  if (halved != p->steps || p->from == p->steps || p->from > info->timesteps)
    status = fail(error, MOTE_ERROR_USAGE,
                  "--from: found %d, expected --steps %d times 2, 4, 8 and so on, and at most the model's %d timesteps",
                  p->from, p->steps, info->timesteps);
end:
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

// "fast.safetensors" of the last round, "fast-8.safetensors" of one before.
static void name_round(const distill_options *o, int steps, char path[PATH_MAX]) {
  int stem = (int)(strlen(o->output) - strlen(".safetensors"));
  if (steps == o->plan.steps)
    snprintf(path, PATH_MAX, "%s", o->output);
  else
    snprintf(path, PATH_MAX, "%.*s-%d.safetensors", stem, o->output, steps);
}

// Whether the option ("--lr") is among the words for mote train.
static bool is_handed_on(const distill_plan *p, const char *option) {
  size_t length = strlen(option);
  for (int i = 0; i < p->word_count; i++)
    if (!strncmp(p->words[i], option, length) && p->words[i][length] == '=') return true;
  return false;
}

// Words of the command line that are the same in every round.
static void add_common(const distill_options *o, const char **words, int *count) {
  static const char *const tunes[] = {"off", "fast", "full"};
  const common_options *c = &o->base.common;
  if (c->device) words[(*count)++] = "--device", words[(*count)++] = c->device;
  if (c->cache) words[(*count)++] = "--cache", words[(*count)++] = c->cache;
  if (strcmp(o->plan.kernels, "auto")) words[(*count)++] = "--kernels", words[(*count)++] = o->plan.kernels;
  if (c->tune_given) words[(*count)++] = "--tune", words[(*count)++] = tunes[c->tune];
  if (c->json) words[(*count)++] = "--json";
  if (c->verbose) words[(*count)++] = "--verbose";
  if (c->validation) words[(*count)++] = "--validation";
  if (c->separate_buffers) words[(*count)++] = "--separate-buffers";
  for (int i = 0; i < DEFAULTS; i++)
    if (!is_handed_on(&o->plan, defaults[i].option)) words[(*count)++] = defaults[i].option, words[(*count)++] = defaults[i].value;
  for (int i = 0; i < o->plan.word_count; i++) words[(*count)++] = o->plan.words[i];
}

static int run_round(const distill_options *o, int steps, const char *teacher, const char *output, bool goes_on) {
  const distill_plan *p = &o->plan;
  char steps_text[16], guidance[32], length[16];
  snprintf(steps_text, sizeof steps_text, "%d", steps);
  snprintf(guidance, sizeof guidance, "%.9g", 2 * steps == p->from ? p->guidance : 1);
  snprintf(length, sizeof length, "%d", p->round_steps);
  const char *words[MOST_ARGUMENTS] = {"train", "-o", output, "--teacher", teacher, "--distill-steps", steps_text,
                                       "--teacher-guidance", guidance, "--steps", length};
  int count = 11;
  if (p->data) words[count++] = p->data;
  if (goes_on || p->force) words[count++] = goes_on ? "--resume" : "--force";
  add_common(o, words, &count);
  return command_train(count, words);
}

static bool round_has_begun(const distill_options *o, int steps) {
  char output[PATH_MAX];
  train_paths paths;
  name_round(o, steps, output);
  return !train_paths_init(&paths, output, NULL) && train_paths_has_settings(&paths);
}

// The rounds' files are not there yet, and are none that is read.
static mote_status check_rounds(const distill_options *o, mote_error *error) {
  const distill_plan *p = &o->plan;
  for (int steps = p->from / 2; steps >= p->steps; steps /= 2) {
    char output[PATH_MAX];
    file_claims claims = {0};
    train_paths paths;
    name_round(o, steps, output);
    TRY(train_paths_init(&paths, output, error));
    claims_read(&claims, "MODEL", p->model);
    claims_read(&claims, "DATA", p->data);
    for (int i = 0; i < p->word_count; i++)
      if (strchr(p->words[i], '=')) claims_read(&claims, p->words[i], strchr(p->words[i], '=') + 1);
    claims_write(&claims, "-o", output);
    mote_status status = claims_check(&claims, error);
    claims_finish(&claims);
    TRY(status);
    if (!p->force) TRY(train_paths_check_free(&paths, output, error));
  }
  return MOTE_OK;
}

// Whether a plan lies in the last round's folder of which at least one round was begun.
static bool another_has_begun(const distill_options *o) {
  distill_options other = {.output = o->output};
  bool begun = !distill_plan_read(&other.plan, o->output, o->plan_path, &other.earlier, NULL);
  for (int steps = other.plan.from / 2; begun && steps >= other.plan.steps; steps /= 2)
    if (round_has_begun(&other, steps)) break;
    else if (steps == other.plan.steps) begun = false;
  cJSON_Delete(other.earlier);
  return begun;
}

// Holds the folder of the last round, with the plan in it, against other processes.
static mote_status begin(distill_options *o, mote_error *error) {
  TRY(settle(o, error));
  TRY(check_rounds(o, error));
  TRY(output_check_writable("-o", o->output, error));
  TRY(train_paths_lock(&o->last, error));
  if (!o->plan.force && another_has_begun(o))
    return fail(error, MOTE_ERROR_FILE, "-o: %s is of a distillation that has begun; go on with it by --resume, replace it by --force, "
                "or name another -o", o->plan_path);
  TRY(train_paths_make(&o->last, error));
  return distill_plan_write(&o->plan, o->output, o->plan_path, error);
}

static mote_status compare_number(const char *option, double now, double then, mote_error *error) {
  if (now == 0 || now == then) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: found %g, but the run was started with %g; leave it out to go on", option, now, then);
}

// Goes on with what was asked for then; files may be named again.
static mote_status go_on(distill_options *o, mote_error *error) {
  const distill_plan now = o->plan;
  distill_plan *p = &o->plan;
  if (access(o->plan_path, F_OK))
    return fail(error, MOTE_ERROR_FILE, "--resume: there is no %s, expected the run of -o %s; leave --resume out to begin one",
                o->plan_path, o->output);
  TRY(train_paths_lock(&o->last, error));
  TRY(distill_plan_read(p, o->output, o->plan_path, &o->earlier, error));
  TRY(compare_number("--steps", now.steps, p->steps, error));
  TRY(compare_number("--from", now.from, p->from, error));
  TRY(compare_number("--guidance", now.guidance, p->guidance, error));
  if (now.round_steps) p->round_steps = now.round_steps;
  if (now.model) p->model = now.model;
  if (now.data) p->data = now.data;
  if (o->base.common.kernels || o->base.common.kernel_list) p->kernels = kernels_text(&o->base.common);
  TRY(distill_plan_compare_model(o->earlier, p->model, error));
  if ((now.round_steps || now.model || now.data) && !access(p->model, R_OK))
    TRY(distill_plan_write(p, o->output, o->plan_path, error));
  for (int i = 0; i < now.word_count; i++) p->words[p->word_count++] = now.words[i];
  return MOTE_OK;
}

// The latest round that was begun; 0: none.
static int latest_round(const distill_options *o) {
  for (int steps = o->plan.steps; steps < o->plan.from; steps *= 2)
    if (round_has_begun(o, steps)) return steps;
  return 0;
}

// A plan whose first round did not come to begin would stand in the way of the next attempt.
static void forget_plan(const distill_options *o) {
  if (latest_round(o)) return;
  unlink(o->plan_path);
  rmdir(o->last.folder);
}

static int run_rounds(distill_options *o) {
  const distill_plan *p = &o->plan;
  char teacher[PATH_MAX], output[PATH_MAX];
  int latest = o->resume ? latest_round(o) : 0;
  snprintf(teacher, sizeof teacher, "%s", p->model);
  for (int steps = p->from / 2; steps >= p->steps; steps /= 2) {
    name_round(o, steps, output);
    // What was done before the latest round is its teacher by now, and stays as it is.
    if (steps <= latest || !latest) {
      say("%d steps from %d: %s", steps, 2 * steps, output);
      if (steps == p->steps) train_paths_finish(&o->last);  // mote train holds the folder itself
      int code = run_round(o, steps, teacher, output, steps == latest);
      if (code && !o->resume) forget_plan(o);
      if (code) return code;
    }
    memcpy(teacher, output, sizeof teacher);
  }
  return COMMAND_DONE;
}

static int run(distill_options *o) {
  mote_error error;
  mote_status status = train_paths_init(&o->last, o->output, &error);
  snprintf(o->plan_path, sizeof o->plan_path, "%.*s/" TRAIN_PATHS_PLAN, PATH_MAX - 32, o->last.folder);
  if (!status) status = o->resume ? go_on(o, &error) : begin(o, &error);
  if (status && !o->resume && o->last.lock >= 0) rmdir(o->last.folder);  // it stays if anything is in it
  int code = status ? report(&error) : run_rounds(o);
  train_paths_finish(&o->last);
  return code;
}

int command_distill(int argc, const char **argv) {
  distill_options o = {0};
  mote_error error;
  int value = 0, exit_code;
  fill_table(&o);
  if (options_init(&o.base, &o.desc, argc, argv, &error) || read_options(&o, &value, &error))
    exit_code = report(&error);
  else
    exit_code = value == OPTIONS_STOP ? o.base.exit_code : run(&o);
  for (int i = 0; i < o.owned_count; i++) free(o.owned[i]);
  cJSON_Delete(o.earlier);
  options_finish(&o.base);
  return exit_code;
}

// bench.c: `mote bench`: the device's ceilings, and layers and steps held against them.
#include <stdio.h>
#include <string.h>

#include "tools/command.h"
#include "tools/json.h"
#include "tools/measure/bench_subject.h"
#include "tools/measure/shader_trial.h"
#include "tools/say.h"

enum { EVERYTHING, CEILINGS, LAYERS, SAMPLE, TRAIN, UNET };
static const char *const whats[] = {"all", "ceilings", "layers", "sample", "train", "unet", NULL};
static const int batches[] = {1, 8, 32, 100};
enum { LAYERS_BATCH = 32, BATCH_COUNT = sizeof batches / sizeof *batches };

static const struct poptOption table[] = {
    {"what", 0, POPT_ARG_STRING, NULL, BENCH_WHAT, "all (default), ceilings, layers, sample, train or unet", "WHAT"},
    BENCH_OPTIONS,
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "bench",
    .usage = "[MODEL] [OPTION...]",
    .table = table,
    .notes = "Measures what the device can do at best, then every layer, a sampling step and a training step. Without\n"
             "MODEL: random weights. Without --batch: steps of 1, 8, 32 and 100 images, layers of 32. The share is that of\n"
             "the ceiling that binds: arithmetic or bandwidth. unet: both steps of a unet2d without attention, as other programs\n"
             "time it: 2 images of 32 x 32 x 4, levels of 64, 128 and 256 channels, 16 groups.\n\n"
             "Examples:\n  mote bench\n  mote bench --what sample --batch 32 --json\n",
};

// One layer or one step.
typedef struct result {
  const char *what, *layer;  // layer: NULL for a step
  int batch, dispatches;
  double seconds, operations, bound;  // bound: seconds that the ceilings allow at best
} result;

static void print_json(const result *r, const char *device) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "what", r->what);
  if (r->layer) cJSON_AddStringToObject(json, "layer", r->layer);
  cJSON_AddNumberToObject(json, "batch", r->batch);
  cJSON_AddNumberToObject(json, "ms", r->seconds * 1e3);
  cJSON_AddNumberToObject(json, "gflops", r->operations / r->seconds / 1e9);
  cJSON_AddNumberToObject(json, "share_of_ceiling", r->bound / r->seconds);
  cJSON_AddNumberToObject(json, "dispatches", r->dispatches);
  if (!r->layer) cJSON_AddNumberToObject(json, "images_per_s", r->batch / r->seconds);
  cJSON_AddStringToObject(json, "device", device);
  json_print_line(json);
}

static void print_text(const result *r) {
  char name[96];
  snprintf(name, sizeof name, "%s", r->layer ? r->layer : r->what);
  print("%-30s %5d %11.3f %9.2f %6.0f%% %11d", name, r->batch, r->seconds * 1e3, r->operations / r->seconds / 1e9,
         100 * r->bound / r->seconds, r->dispatches);
  if (!r->layer) print(" %10.1f", r->batch / r->seconds);
  print("\n");
  fflush(stdout);
}

static void print_heading(bool layers) {
  print("\n%-30s %5s %11s %9s %7s %11s%s\n", layers ? "layer" : "step", "batch", "ms", "GFLOP/s", "share",
         "dispatches", layers ? "" : "   images/s");
}

static void print_ceilings(const ceilings *c, const char *device, bool json) {
  if (!json) {
    print("fp32 arithmetic   %10.1f GFLOP/s\n", c->flops / 1e9);
    if (c->matrix_flops > 0) print("fp16 matrices     %10.1f GFLOP/s\n", c->matrix_flops / 1e9);
    print("copies            %10.1f GB/s\na dispatch        %10.1f us\na submission      %10.1f us\n", c->bandwidth / 1e9,
           c->dispatch * 1e6, c->submission * 1e6);
    return;
  }
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "what", "ceilings");
  cJSON_AddNumberToObject(object, "batch", 0);
  cJSON_AddNumberToObject(object, "ms", c->submission * 1e3);
  cJSON_AddNumberToObject(object, "gflops", c->flops / 1e9);
  if (c->matrix_flops > 0) cJSON_AddNumberToObject(object, "matrix_gflops", c->matrix_flops / 1e9);
  cJSON_AddNumberToObject(object, "gigabytes_per_second", c->bandwidth / 1e9);
  cJSON_AddNumberToObject(object, "dispatch_us", c->dispatch * 1e6);
  cJSON_AddNumberToObject(object, "submission_us", c->submission * 1e6);
  cJSON_AddStringToObject(object, "device", device);
  json_print_line(object);
}

typedef struct bench {
  const bench_options *options;
  const char *device;
  bench_subject subject;
  ceilings ceilings;
} bench;

static void show(const bench *b, const result *r) {
  if (b->options->base.common.json)
    print_json(r, b->device);
  else
    print_text(r);
}

static void add_row(const bench *b, result *r, const profile_row *row) {
  r->dispatches++;
  r->seconds += row->seconds;
  r->operations += row->work.operations;
  r->bound += ceilings_bound(&b->ceilings, &row->work);
}

// A layer is a run of dispatches that carry its name.
static void show_layers(const bench *b, const profile *p, int batch) {
  for (int i = 0; i < p->count;) {
    result r = {.what = "layers", .layer = p->rows[i].work.label, .batch = batch};
    while (i < p->count && !strcmp(p->rows[i].work.label, r.layer)) add_row(b, &r, &p->rows[i++]);
    if (r.seconds > 0) show(b, &r);
  }
}

static void show_step(const bench *b, const profile *p, const char *what, int batch) {
  result r = {.what = what, .batch = batch};
  for (int i = 0; i < p->count; i++) add_row(b, &r, &p->rows[i]);
  r.seconds = p->step;
  show(b, &r);
}

static mote_status measure(const bench *b, int what, int batch, mote_error *error) {
  profile_subject step = {0};
  profile profile = {0};
  mote_status status = bench_make(&b->subject, what == TRAIN, batch, &step, error);
  if (!status) status = profile_measure(&step, b->options->repeat, &profile, error);
  if (!status && what == LAYERS) show_layers(b, &profile, batch);
  const char *title = b->options->what != UNET ? whats[what] : what == TRAIN ? "unet train" : "unet sample";
  if (!status && what != LAYERS) show_step(b, &profile, title, batch);
  profile_finish(&profile);
  bench_release(&step);
  return status;
}

// The steps that --what names; by default both.
static mote_status try_shaders(bench_options *o, mote_error *error) {
  if (o->what == CEILINGS || o->what == LAYERS)
    return fail(error, MOTE_ERROR_USAGE, "--shaders: found --what %s, expected all, sample, train or unet", whats[o->what]);
  if (!o->batch) o->batch = LAYERS_BATCH;
  if (o->what != TRAIN) TRY(shader_trial(o, false, error));
  return o->what != SAMPLE ? shader_trial(o, true, error) : MOTE_OK;
}

// --what unet: the shape of a public benchmark, as near as the family has it. What was told goes first.
static mote_status check(options *base, mote_error *error) {
  bench_options *o = (bench_options *)base;
  if (o->what != UNET) return bench_check_options(base, error);
  if (o->net || o->settings) return fail(error, MOTE_ERROR_USAGE, "--what unet: found --net or --settings, which it has of its own");
  static const char *const usual[BENCH_NAMED] = {NULL, "32", "4", "0"};
  o->net = "unet2d";
  o->settings = "block_out_channels=64,128,256;layers_per_block=1;mid_block_type=none;norm_num_groups=16;"
                "down_block_types=DownBlock2D,DownBlock2D,DownBlock2D;up_block_types=UpBlock2D,UpBlock2D,UpBlock2D";
  for (int i = 0; i < BENCH_NAMED; i++)
    if (!o->named[i] && !(o->size[0] && i == BENCH_HEIGHT - BENCH_N_FEAT)) o->named[i] = usual[i];
  if (!o->batch) o->batch = 2;
  return bench_check_options(base, error);
}

static mote_status run(options *base, int *exit_code, mote_error *error) {
  (void)exit_code;
  bench_options *o = (bench_options *)base;
  if (o->shaders) return try_shaders(o, error);
  bench b = {.options = o};
  mote_status status = MOTE_OK;
  bool json = o->base.common.json;
  TRY_GOTO(end, bench_open(o, &b.subject, error));
  b.device = mote_device_get_info(b.subject.device)->name;
  TRY_GOTO(end, ceilings_measure(b.subject.device, &b.ceilings, error));
  if (o->what == EVERYTHING || o->what == CEILINGS) print_ceilings(&b.ceilings, b.device, json);
  for (int what = LAYERS; what <= TRAIN; what++) {
    if (o->what != EVERYTHING && o->what != what && (o->what != UNET || what == LAYERS)) continue;
    // Both steps stand in one table.
    if (!json && (what != TRAIN || o->what == TRAIN)) print_heading(what == LAYERS);
    if (o->batch || what == LAYERS) {
      TRY_GOTO(end, measure(&b, what, o->batch ? o->batch : LAYERS_BATCH, error));
      continue;
    }
    for (int i = 0; i < BATCH_COUNT; i++) TRY_GOTO(end, measure(&b, what, batches[i], error));
  }
end:
  bench_close(&b.subject);
  return status;
}

int command_bench(int argc, const char **argv) {
  bench_options o = {.whats = whats};
  return options_run(&o.base, &(options_work){&desc, bench_take_option, check, run}, argc, argv);
}

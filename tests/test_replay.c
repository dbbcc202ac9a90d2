// test_replay.c: one recorded step serves every timestep: nothing is recorded again, submitted twice or left over, and
// how a run is cut into submissions and batches changes no bit of it.
#include "tests/support.h"

#include "graph/compile/program.h"
#include "graph/nets/model.h"
#include "shaders/types.h"

enum { CHANNELS = 3, HEIGHT = 8, IMAGE = CHANNELS * HEIGHT * HEIGHT, CONTEXT = 5, MOST_BATCH = 8 };

static mote_device *device;
static mote_model *model;

static int open_device(void **state) {
  (void)state;
  device = test_device((mote_device_desc){0});
  model = test_model(device, SMALL_MODEL);
  return 0;
}

static mote_sampler *make_sampler(mote_sampler_desc desc) {
  mote_error error = {0};
  mote_sampler *sampler;
  desc.model = model;
  MUST(mote_sampler_create(&desc, &sampler, &error));
  return sampler;
}

static void begin(mote_sampler *sampler, mote_sampler_request request) {
  mote_error error = {0};
  MUST(mote_sampler_begin(sampler, &request, &error));
}

static void run(mote_sampler *sampler, int step_count) {
  mote_error error = {0};
  MUST(mote_sampler_run(sampler, step_count, &error));
}

static void read_images(mote_sampler *sampler, float *images) {
  mote_error error = {0};
  MUST(mote_sampler_read(sampler, images, &error));
}

// A whole run of a sampler made for it.
static void sample(mote_sampler_desc desc, mote_sampler_request request, float *images) {
  mote_sampler *sampler = make_sampler(desc);
  begin(sampler, request);
  run(sampler, mote_sampler_step_count(sampler));
  read_images(sampler, images);
  mote_sampler_destroy(&sampler);
}

static void assert_same_bits(const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (memcmp(a + i, b + i, sizeof *a)) fail_msg("element %zu is %.9g, expected %.9g", i, (double)a[i], (double)b[i]);
}

static void assert_differ(const float *a, const float *b, size_t count) {
  assert_true(relative_error(a, b, count) > 0.01);
}

// Both sources of noise: x_T alone, and every step.
static const mote_sampler_desc kinds[] = {
    {.kind = MOTE_SAMPLER_DDIM, .steps = 6},
    {.kind = MOTE_SAMPLER_DDIM, .steps = 6, .eta = 1},
    {.kind = MOTE_SAMPLER_DDPM, .steps = 6},
};

// ---------------------------------------------------------------------------------------------------------------------
// What is recorded and submitted

static void multiply_weights(float factor) {
  mote_error error = {0};
  const size_t bytes = model->parameters.bytes, count = bytes / sizeof(float);
  float *weights = malloc(bytes);
  MUST(buffer_download(model->buffer, 0, weights, bytes, &error));
  for (size_t i = 0; i < count; i++) weights[i] *= factor;
  MUST(buffer_upload(model->buffer, 0, weights, bytes, &error));
  free(weights);
  model->version++;
}

static void a_run_sees_the_weights_as_they_are_when_it_begins(void **state) {
  (void)state;
  const mote_sampler_request request = {.seed = 3};
  float first[IMAGE], again[IMAGE], changed[IMAGE], expected[IMAGE];
  mote_sampler_desc desc = kinds[0];
  desc.batch = 1;
  mote_sampler *sampler = make_sampler(desc);
  float *const images[] = {first, again, changed};
  for (int i = 0; i < 3; i++) {
    if (i == 2) multiply_weights(0.5f);
    begin(sampler, request);
    run(sampler, mote_sampler_step_count(sampler));
    read_images(sampler, images[i]);
  }
  mote_sampler_destroy(&sampler);
  sample(desc, request, expected);
  multiply_weights(2);
  assert_same_bits(again, first, IMAGE);
  assert_same_bits(changed, expected, IMAGE);
  assert_differ(changed, first, IMAGE);
}

// What making a sampler, beginning and running it asked of the device.
typedef struct cost {
  mote_device_counters made, begun, ran;
  mote_sampler_info info;
} cost;

static mote_device_counters counters_since(mote_device_counters *before) {
  mote_device_counters now = mote_device_get_counters(device), before_ = *before;
  *before = now;
  return (mote_device_counters){.commands_begun = now.commands_begun - before_.commands_begun,
                                .submissions = now.submissions - before_.submissions,
                                .descriptor_writes = now.descriptor_writes - before_.descriptor_writes,
                                .dispatches_recorded = now.dispatches_recorded - before_.dispatches_recorded,
                                .barriers_recorded = now.barriers_recorded - before_.barriers_recorded,
                                .pipelines_created = now.pipelines_created - before_.pipelines_created};
}

static cost cost_of(int steps) {
  cost cost;
  mote_device_counters before = mote_device_get_counters(device);
  mote_sampler *sampler = make_sampler((mote_sampler_desc){.steps = steps});
  cost.made = counters_since(&before);
  begin(sampler, (mote_sampler_request){.seed = 1});
  cost.begun = counters_since(&before);
  run(sampler, steps);
  cost.ran = counters_since(&before);
  cost.info = mote_sampler_get_info(sampler);
  mote_sampler_destroy(&sampler);
  return cost;
}

static void fifty_steps_record_and_submit_no_more_than_five(void **state) {
  (void)state;
  cost_of(5);  // pipelines are made now and kept
  cost five = cost_of(5), fifty = cost_of(50);
  const mote_device_counters *few[] = {&five.made, &five.begun, &five.ran};
  const mote_device_counters *many[] = {&fifty.made, &fifty.begun, &fifty.ran};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(few[i]->commands_begun, many[i]->commands_begun);
    assert_int_equal(few[i]->submissions, many[i]->submissions);
    assert_int_equal(few[i]->descriptor_writes, many[i]->descriptor_writes);
    assert_int_equal(few[i]->dispatches_recorded, many[i]->dispatches_recorded);
    assert_int_equal(few[i]->barriers_recorded, many[i]->barriers_recorded);
  }
  assert_int_equal(five.made.pipelines_created, 0);
  assert_int_equal(five.made.dispatches_recorded, five.info.dispatches + five.info.setup_dispatches);
  assert_int_equal(five.info.dispatches, fifty.info.dispatches);
}

static void running_any_number_of_steps_is_one_submission_and_records_nothing(void **state) {
  (void)state;
  mote_sampler *sampler = make_sampler((mote_sampler_desc){.steps = 20});
  begin(sampler, (mote_sampler_request){.seed = 1});
  static const int parts[] = {1, 14, 5};
  for (size_t i = 0; i < COUNT(parts); i++) {
    mote_device_counters before = mote_device_get_counters(device);
    run(sampler, parts[i]);
    mote_device_counters cost = counters_since(&before);
    assert_int_equal(cost.submissions, 1);
    assert_int_equal(cost.commands_begun, 0);
    assert_int_equal(cost.descriptor_writes, 0);
    assert_int_equal(cost.dispatches_recorded, 0);
    assert_int_equal(cost.pipelines_created, 0);
  }
  mote_sampler_destroy(&sampler);
}

// ---------------------------------------------------------------------------------------------------------------------
// Bits

static void one_submission_or_many_give_the_same_bits(void **state) {
  (void)state;
  float at_once[2 * IMAGE], one_by_one[2 * IMAGE], again[2 * IMAGE], afresh[2 * IMAGE];
  for (size_t k = 0; k < COUNT(kinds); k++) {
    mote_sampler_desc desc = kinds[k];
    desc.batch = 2;
    const mote_sampler_request request = {.seed = 0x123456789abcdef};
    mote_sampler *sampler = make_sampler(desc);
    begin(sampler, request);
    run(sampler, 6);
    read_images(sampler, at_once);
    begin(sampler, request);
    for (int i = 0; i < 6; i++) run(sampler, 1);
    read_images(sampler, one_by_one);
    begin(sampler, (mote_sampler_request){.seed = 4});  // a run that is broken off leaves nothing behind
    run(sampler, 2);
    begin(sampler, request);
    run(sampler, 4);
    run(sampler, 2);
    read_images(sampler, again);
    mote_sampler_destroy(&sampler);
    sample(desc, request, afresh);
    assert_same_bits(one_by_one, at_once, 2 * IMAGE);
    assert_same_bits(again, at_once, 2 * IMAGE);
    assert_same_bits(afresh, at_once, 2 * IMAGE);
    for (int i = 0; i < 2 * IMAGE; i++) assert_true(isfinite(at_once[i]));
  }
}

static void a_sample_has_the_same_bits_alone_and_in_any_batch(void **state) {
  (void)state;
  float together[MOST_BATCH * IMAGE], part[MOST_BATCH * IMAGE];
  float *contexts = test_numbers(1, MOST_BATCH * CONTEXT);
  for (size_t k = 0; k < COUNT(kinds); k++) {
    mote_sampler_desc desc = kinds[k];
    desc.batch = MOST_BATCH;
    sample(desc, (mote_sampler_request){.seed = 7, .first_sample = 100, .context = contexts}, together);
    for (int i = 1; i < MOST_BATCH; i++) assert_differ(together, together + i * IMAGE, IMAGE);
    static const struct {
      int first, batch;
    } parts[] = {{0, 1}, {3, 1}, {7, 1}, {0, 3}, {3, 5}};
    for (size_t p = 0; p < COUNT(parts); p++) {
      desc.batch = parts[p].batch;
      sample(desc,
             (mote_sampler_request){.seed = 7,
                                    .first_sample = 100 + (uint32_t)parts[p].first,
                                    .context = contexts + parts[p].first * CONTEXT},
             part);
      assert_same_bits(part, together + parts[p].first * IMAGE, (size_t)parts[p].batch * IMAGE);
    }
  }
  free(contexts);
}

static void seed_context_sampler_and_eta_each_change_the_sprite(void **state) {
  (void)state;
  float base[IMAGE], other[IMAGE];
  const float context[CONTEXT] = {0, 0, 1, 0, 0};
  mote_sampler_desc desc = {.steps = 6};
  const mote_sampler_request request = {.seed = 1};
  sample(desc, request, base);
  sample(desc, (mote_sampler_request){.seed = 2}, other);
  assert_differ(other, base, IMAGE);
  sample(desc, (mote_sampler_request){.seed = 1 + (1ull << 32)}, other);
  assert_differ(other, base, IMAGE);
  sample(desc, (mote_sampler_request){.seed = 1, .first_sample = 1}, other);
  assert_differ(other, base, IMAGE);
  sample(desc, (mote_sampler_request){.seed = 1, .context = context}, other);
  assert_true(relative_error(other, base, IMAGE) > 1e-4);
  desc.eta = 1;
  sample(desc, request, other);
  assert_differ(other, base, IMAGE);
  sample((mote_sampler_desc){.steps = 6, .kind = MOTE_SAMPLER_DDPM}, request, base);
  assert_differ(other, base, IMAGE);
  sample((mote_sampler_desc){.steps = 7, .kind = MOTE_SAMPLER_DDPM}, request, other);
  assert_differ(other, base, IMAGE);
}

static void no_context_is_a_context_of_zeros(void **state) {
  (void)state;
  float without[IMAGE], zeros[IMAGE];
  const float none[CONTEXT] = {0}, some[CONTEXT] = {1, 0, -1, 0.5f, 2};
  mote_sampler *sampler = make_sampler((mote_sampler_desc){.steps = 6});
  begin(sampler, (mote_sampler_request){.seed = 1, .context = none});
  run(sampler, 6);
  read_images(sampler, zeros);
  begin(sampler, (mote_sampler_request){.seed = 1, .context = some});
  run(sampler, 6);
  begin(sampler, (mote_sampler_request){.seed = 1});  // the one before leaves nothing
  run(sampler, 6);
  read_images(sampler, without);
  mote_sampler_destroy(&sampler);
  assert_same_bits(without, zeros, IMAGE);
}

static void a_given_x_T_takes_the_place_of_the_drawn_one(void **state) {
  (void)state;
  float drawn[2 * IMAGE], back[2 * IMAGE], from_seed[2 * IMAGE], from_drawn[2 * IMAGE], from_other[2 * IMAGE];
  float *other = test_numbers(2, 2 * IMAGE);
  mote_sampler *sampler = make_sampler((mote_sampler_desc){.steps = 6, .batch = 2, .eta = 0.5});
  begin(sampler, (mote_sampler_request){.seed = 9});
  read_images(sampler, drawn);
  run(sampler, 6);
  read_images(sampler, from_seed);
  begin(sampler, (mote_sampler_request){.seed = 9, .x_init = other});
  read_images(sampler, back);
  run(sampler, 6);
  read_images(sampler, from_other);
  begin(sampler, (mote_sampler_request){.seed = 9, .x_init = drawn});
  run(sampler, 6);
  read_images(sampler, from_drawn);
  mote_sampler_destroy(&sampler);
  assert_same_bits(back, other, 2 * IMAGE);
  assert_differ(drawn, other, 2 * IMAGE);
  assert_differ(from_other, from_seed, 2 * IMAGE);
  assert_same_bits(from_drawn, from_seed, 2 * IMAGE);
  free(other);
}

static void pixels_are_the_images_from_minus_1_to_1_rounded_and_clipped(void **state) {
  (void)state;
  float *x = test_numbers(3, 2 * IMAGE);
  for (int i = 0; i < 2 * IMAGE; i++) x[i] *= 1.2f;
  x[0] = -INFINITY, x[1] = INFINITY, x[2] = NAN, x[3] = 1, x[4] = -1;
  uint8_t pixels[2 * IMAGE];
  mote_error error = {0};
  mote_sampler *sampler = make_sampler((mote_sampler_desc){.steps = 6, .batch = 2});
  begin(sampler, (mote_sampler_request){.x_init = x});
  MUST(mote_sampler_read_pixels(sampler, pixels, &error));
  mote_sampler_destroy(&sampler);
  assert_int_equal(pixels[0 * CHANNELS], 0);
  assert_int_equal(pixels[1 * CHANNELS], 255);
  assert_int_equal(pixels[2 * CHANNELS], 0);
  assert_int_equal(pixels[3 * CHANNELS], 255);
  assert_int_equal(pixels[4 * CHANNELS], 0);
  for (int n = 0; n < 2; n++)
    for (int c = 0; c < CHANNELS; c++)
      for (int p = n || c ? 0 : 5; p < HEIGHT * HEIGHT; p++) {
        double level = (x[(n * CHANNELS + c) * HEIGHT * HEIGHT + p] + 1.0) / 2 * 255;
        double clipped = level < 0 ? 0 : level > 255 ? 255 : level;
        assert_true(fabs(pixels[(n * HEIGHT * HEIGHT + p) * CHANNELS + c] - clipped) <= 0.5001);
      }
  free(x);
}

static void the_end_of_a_run_cannot_be_passed(void **state) {
  (void)state;
  float complete[IMAGE], after[IMAGE];
  mote_error error = {0};
  mote_sampler *sampler = make_sampler((mote_sampler_desc){.steps = 4});
  assert_int_equal(mote_sampler_step_count(sampler), 4);
  assert_int_equal(mote_sampler_run(sampler, 1, &error), MOTE_ERROR_USAGE);  // not begun
  begin(sampler, (mote_sampler_request){.seed = 3});
  assert_int_equal(mote_sampler_run(sampler, 5, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "5 steps asked for, 4 are left");
  assert_int_equal(mote_sampler_run(sampler, 0, &error), MOTE_ERROR_USAGE);
  assert_int_equal(mote_sampler_run(sampler, -1, &error), MOTE_ERROR_USAGE);
  assert_int_equal(mote_sampler_steps_done(sampler), 0);
  run(sampler, 3);
  assert_int_equal(mote_sampler_steps_done(sampler), 3);
  assert_int_equal(mote_sampler_run(sampler, 2, NULL), MOTE_ERROR_USAGE);
  run(sampler, 1);
  read_images(sampler, complete);
  assert_int_equal(mote_sampler_run(sampler, 1, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "0 are left");
  read_images(sampler, after);  // what was refused did nothing
  assert_same_bits(after, complete, IMAGE);
  begin(sampler, (mote_sampler_request){.seed = 3});
  assert_int_equal(mote_sampler_steps_done(sampler), 0);
  run(sampler, 4);
  read_images(sampler, after);
  assert_same_bits(after, complete, IMAGE);
  mote_sampler_destroy(&sampler);
}

static void a_guided_step_is_two_steps_combined(void **state) {
  (void)state;
  float *context = test_numbers(3, CONTEXT), *avoid = test_numbers(4, CONTEXT);
  float towards[IMAGE], away[IMAGE], guided[IMAGE];
  sample((mote_sampler_desc){.steps = 1}, (mote_sampler_request){.seed = 5, .context = context}, towards);
  sample((mote_sampler_desc){.steps = 1}, (mote_sampler_request){.seed = 5, .context = avoid}, away);
  sample((mote_sampler_desc){.steps = 1, .guidance = 3},
         (mote_sampler_request){.seed = 5, .context = context, .avoid = avoid}, guided);
  for (int i = 0; i < IMAGE; i++) towards[i] = away[i] + 3 * (towards[i] - away[i]);
  assert_true(relative_error(guided, towards, IMAGE) < 1e-5);
  assert_true(relative_error(guided, away, IMAGE) > 1e-4);  // so that the line above says something
  free(context);
  free(avoid);
}

static void inpainting_keeps_pixels_to_the_bit(void **state) {
  (void)state;
  float *init = test_numbers(6, IMAGE), mask[HEIGHT * HEIGHT], made[IMAGE];
  for (int i = 0; i < HEIGHT * HEIGHT; i++) mask[i] = i % 3 == 0;
  for (int kind = MOTE_SAMPLER_DDIM; kind <= MOTE_SAMPLER_HEUN; kind++) {
    const int resample = kind == MOTE_SAMPLER_HEUN ? 1 : 2;
    sample((mote_sampler_desc){.kind = (mote_sampler_kind)kind, .steps = 4, .edit = MOTE_EDIT_INPAINT, .resample = resample},
           (mote_sampler_request){.seed = 5, .init = init, .mask = mask}, made);
    int changed = 0;
    for (int i = 0; i < IMAGE; i++) {
      if (i % (HEIGHT * HEIGHT) % 3) assert_same_bits(made + i, init + i, 1);
      else changed += made[i] != init[i];
    }
    assert_true(changed > IMAGE / 4);
  }
  free(init);
}

static void samplers_that_cannot_be_are_refused(void **state) {
  (void)state;
  static const struct {
    mote_sampler_desc desc;
    const char *expected;
  } cases[] = {
      {{.steps = 501}, "steps is 501, expected 1 to 500"},
      {{.steps = -1}, "steps is -1, expected 1 to 500"},
      {{.batch = -1}, "batch is -1, expected 1 to 4096"},
      {{.batch = 4097}, "batch is 4097, expected 1 to 4096"},
      {{.eta = -0.1}, "eta is -0.1, expected 0 to 1"},
      {{.eta = 1.5}, "eta is 1.5, expected 0 to 1"},
      {{.eta = NAN}, "eta is nan"},
      {{.kind = (mote_sampler_kind)9}, "sampler kind 9 is unknown"},
      {{.grid = (mote_grid)9}, "grid 9 is unknown"},
      {{.edit = (mote_edit)3}, "edit 3 is unknown"},
      {{.guidance = -1}, "guidance is -1, expected 0 to 100"},
      {{.guidance = NAN}, "guidance is nan"},
      {{.attribute_guidance = {2}}, "attribute_guidance[0] is 2, expected 0 to 100, and 0 beyond the model's 0 attributes"},
      {{.guidance_low = 0.6, .guidance_high = 0.5}, "guidance is asked for from 0.6 to 0.5"},
      {{.threshold = 1.5}, "threshold is 1.5, expected 0 to 1"},
      {{.threshold = 0.9, .clip_x0 = true}, "both clip_x0 and threshold"},
      {{.strength = 1.5}, "strength is 1.5, expected 0 to 1"},
      {{.strength = 0.1, .steps = 51}, "steps is 51, expected 1 to 50"},
      {{.resample = 2}, "resample is 2, expected 1 to 100, and 1 unless inpainting"},
      {{.kind = MOTE_SAMPLER_HEUN, .edit = MOTE_EDIT_INPAINT, .resample = 2}, "resample is 2, expected 1 with the sampler heun"},
  };
  mote_error error;
  for (size_t i = 0; i < COUNT(cases); i++) {
    mote_sampler_desc desc = cases[i].desc;
    desc.model = model;
    mote_sampler *sampler = (mote_sampler *)1;
    assert_int_equal(mote_sampler_create(&desc, &sampler, &error), MOTE_ERROR_USAGE);
    assert_error(&error, MOTE_ERROR_USAGE, cases[i].expected);
    assert_null(sampler);
  }
  mote_sampler *sampler;
  assert_int_equal(mote_sampler_create(&(mote_sampler_desc){0}, &sampler, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "needs a model");
}

static void what_pure_noise_does_not_allow_is_refused(void **state) {
  (void)state;
  mote_model_info info = SMALL_MODEL;
  info.schedule = MOTE_SCHEDULE_FLOW;
  info.prediction = MOTE_PREDICT_FLOW;
  mote_model *straight = test_model(device, info);
  mote_sampler *sampler;
  mote_error error;
  assert_int_equal(mote_sampler_create(&(mote_sampler_desc){.model = straight, .kind = MOTE_SAMPLER_DDPM}, &sampler, &error),
                   MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "sampler ddpm: found the schedule flow, expected ddim,");
  assert_int_equal(mote_sampler_create(&(mote_sampler_desc){.model = straight, .grid = MOTE_GRID_KARRAS}, &sampler, &error),
                   MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "grid karras: found the schedule flow");
  mote_model_destroy(&straight);
}

// ---------------------------------------------------------------------------------------------------------------------
// Barriers

enum { PARTS = 8, PART_BYTES = 4096, QUADS = PART_BYTES / 16 };

// One dispatch on parts of a buffer: y = max(x, 0), or y = x + other where there is another.
typedef struct touch {
  int x, other, y;  // -1: none
} touch;

static void record(commands *commands, buffer *buffer, touch touch) {
  mote_error error = {0};
  bool adds = touch.other >= 0;
  const struct {
    uint32_t quads;
    float scale;
  } push = {QUADS, 1};
  dispatch dispatch = {.label = "test", .push = &push, .push_bytes = adds ? 8 : 4, .groups = {1, 1, 1}};
  const int parts[] = {touch.x, adds ? touch.other : touch.y, touch.y};
  dispatch.binding_count = adds ? 3 : 2;
  for (uint32_t i = 0; i < dispatch.binding_count; i++)
    dispatch.bindings[i] = (binding){buffer, (size_t)parts[i] * PART_BYTES, PART_BYTES};
  dispatch.groups[0] = (QUADS + PLAIN_LOCAL_SIZE - 1) / PLAIN_LOCAL_SIZE;
  MUST(pipeline_get(device, adds ? "add" : "activation", NULL, 0, &dispatch.pipeline, &error));
  MUST(commands_dispatch(commands, &dispatch, &error));
}

#define RELU(x, y) {x, -1, y}
#define ADD(x, other, y) {x, other, y}

// `barriers` beside the one that every command buffer begins with.
static const struct {
  const char *name;
  touch touches[6];
  int count, barriers;
} hazards[] = {
    {"independent", {RELU(0, 1), RELU(2, 3)}, 2, 0},
    {"read after write", {RELU(0, 1), RELU(1, 2)}, 2, 1},
    {"write after read", {RELU(0, 1), RELU(2, 0)}, 2, 1},
    {"write after write", {RELU(0, 2), RELU(1, 2)}, 2, 1},
    {"read after read", {RELU(0, 1), RELU(0, 2), ADD(0, 0, 3)}, 3, 0},
    {"in place", {RELU(0, 0)}, 1, 0},
    {"in place twice", {RELU(0, 0), RELU(0, 0)}, 2, 1},
    {"one barrier for two hazards", {RELU(0, 1), RELU(2, 3), ADD(1, 3, 4)}, 3, 1},
    {"one barrier for what is pending", {RELU(0, 1), RELU(2, 3), RELU(1, 4), RELU(3, 5)}, 4, 1},
    {"read before the last barrier", {RELU(0, 1), RELU(1, 2), RELU(3, 0)}, 3, 1},
    {"written before the last barrier", {RELU(0, 1), RELU(2, 3), RELU(3, 4), RELU(1, 5)}, 4, 1},
    {"read again after the barrier", {RELU(0, 1), RELU(1, 2), RELU(3, 4), RELU(5, 1)}, 4, 2},
    {"a chain", {RELU(0, 1), RELU(1, 2), RELU(2, 3), RELU(3, 4), RELU(4, 5)}, 5, 4},
    {"second input", {RELU(0, 1), ADD(2, 1, 3)}, 2, 1},
};

static commands *begin_commands(void) {
  mote_error error = {0};
  commands *commands;
  MUST(commands_create(device, "test", false, &commands, &error));
  return commands;
}

static void barriers_stand_where_hazards_are_and_nowhere_else(void **state) {
  (void)state;
  mote_error error = {0};
  buffer *buffer;
  MUST(buffer_create(device, PARTS * PART_BYTES, "test", &buffer, &error));
  for (size_t i = 0; i < COUNT(hazards); i++) {
    uint64_t before = mote_device_get_counters(device).barriers_recorded;
    commands *commands = begin_commands();
    for (int k = 0; k < hazards[i].count; k++) record(commands, buffer, hazards[i].touches[k]);
    MUST(commands_finish(commands, &error));
    MUST(commands_run(&commands, 1, 3, &error));
    commands_info info = commands_get_info(commands);
    if ((int)info.barriers != 1 + hazards[i].barriers)
      fail_msg("%s: %u barriers, expected %d", hazards[i].name, info.barriers, 1 + hazards[i].barriers);
    assert_int_equal(info.dispatches, hazards[i].count);
    assert_int_equal(mote_device_get_counters(device).barriers_recorded - before, info.barriers);
    commands_destroy(&commands);
  }
  buffer_destroy(&buffer);
}

static void the_same_place_in_two_buffers_is_no_hazard(void **state) {
  (void)state;
  mote_error error = {0};
  buffer *a, *b;
  MUST(buffer_create(device, PARTS * PART_BYTES, "a", &a, &error));
  MUST(buffer_create(device, PARTS * PART_BYTES, "b", &b, &error));
  commands *commands = begin_commands();
  record(commands, a, (touch)RELU(0, 1));
  record(commands, b, (touch)RELU(1, 2));
  assert_int_equal(commands_get_info(commands).barriers, 1);
  record(commands, a, (touch)RELU(1, 2));
  assert_int_equal(commands_get_info(commands).barriers, 2);
  MUST(commands_finish(commands, &error));
  commands_destroy(&commands);
  buffer_destroy(&a);
  buffer_destroy(&b);
}

// 80 doublings round a ring of parts, each reading what the one before wrote, across replays too.
static void long_chains_of_hazards_give_the_right_numbers(void **state) {
  (void)state;
  mote_error error = {0};
  buffer *buffer;
  float numbers[PART_BYTES / 4];
  MUST(buffer_create(device, PARTS * PART_BYTES, "test", &buffer, &error));
  for (int i = 0; i < PART_BYTES / 4; i++) numbers[i] = (float)i;
  MUST(buffer_upload(buffer, 0, numbers, sizeof numbers, &error));
  commands *commands = begin_commands();
  for (int i = 0; i < 16; i++) record(commands, buffer, (touch)ADD(i % PARTS, i % PARTS, (i + 1) % PARTS));
  MUST(commands_finish(commands, &error));
  assert_int_equal(commands_get_info(commands).barriers, 16);
  MUST(commands_run(&commands, 1, 5, &error));
  MUST(buffer_download(buffer, 0, numbers, sizeof numbers, &error));
  for (int i = 0; i < PART_BYTES / 4; i++) assert_true(numbers[i] == ldexpf((float)i, 80));
  commands_destroy(&commands);
  buffer_destroy(&buffer);
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

static void activations_take_little_more_than_what_is_alive_at_once(void **state) {
  (void)state;
  for (int f = 8; f <= 64; f *= 2) {
    mote_model *wide = test_model(device, (mote_model_info){.channels = 3, .height = 16, .n_feat = f, .n_cfeat = 5});
    for (int batch = 1; batch <= 8; batch += 7) {
      mote_error error = {0};
      mote_sampler *sampler;
      uint64_t before = mote_device_get_counters(device).memory_bytes;
      MUST(mote_sampler_create(&(mote_sampler_desc){.model = wide, .batch = batch, .steps = 10}, &sampler, &error));
      mote_sampler_info info = mote_sampler_get_info(sampler);
      uint64_t held = mote_device_get_counters(device).memory_bytes - before;
      assert_true(info.activation_bound > 0 && info.activation_bytes >= info.activation_bound);
      if ((double)info.activation_bytes > 1.15 * (double)info.activation_bound)
        fail_msg("f %d, batch %d: %llu bytes of activations, %llu are alive at once", f, batch,
                 (unsigned long long)info.activation_bytes, (unsigned long long)info.activation_bound);
      assert_true(info.memory_bytes >= info.activation_bytes);
      // Drivers round allocations up; a sampler has two buffers.
      assert_true(held >= info.memory_bytes && held <= info.memory_bytes + 2 * 65536);
      mote_sampler_destroy(&sampler);
      assert_int_equal(mote_device_get_counters(device).memory_bytes, before);
    }
    mote_model_destroy(&wide);
  }
}

// Last, and a test: cmocka takes no notice of a group teardown that fails.
static void nothing_is_left_on_the_device_at_the_end(void **state) {
  (void)state;
  mote_model_destroy(&model);
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fifty_steps_record_and_submit_no_more_than_five),
      cmocka_unit_test(running_any_number_of_steps_is_one_submission_and_records_nothing),
      cmocka_unit_test(one_submission_or_many_give_the_same_bits),
      cmocka_unit_test(a_sample_has_the_same_bits_alone_and_in_any_batch),
      cmocka_unit_test(seed_context_sampler_and_eta_each_change_the_sprite),
      cmocka_unit_test(no_context_is_a_context_of_zeros),
      cmocka_unit_test(a_given_x_T_takes_the_place_of_the_drawn_one),
      cmocka_unit_test(pixels_are_the_images_from_minus_1_to_1_rounded_and_clipped),
      cmocka_unit_test(the_end_of_a_run_cannot_be_passed),
      cmocka_unit_test(a_guided_step_is_two_steps_combined),
      cmocka_unit_test(inpainting_keeps_pixels_to_the_bit),
      cmocka_unit_test(samplers_that_cannot_be_are_refused),
      cmocka_unit_test(what_pure_noise_does_not_allow_is_refused),
      cmocka_unit_test(barriers_stand_where_hazards_are_and_nowhere_else),
      cmocka_unit_test(the_same_place_in_two_buffers_is_no_hazard),
      cmocka_unit_test(long_chains_of_hazards_give_the_right_numbers),
      cmocka_unit_test(activations_take_little_more_than_what_is_alive_at_once),
      cmocka_unit_test(a_run_sees_the_weights_as_they_are_when_it_begins),
      cmocka_unit_test(nothing_is_left_on_the_device_at_the_end),
  };
  return cmocka_run_group_tests_name("replay", tests, open_device, NULL);
}

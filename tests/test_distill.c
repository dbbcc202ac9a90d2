// test_distill.c: the target of a student is where two steps of its teacher lead, and a student comes closer to it.
#include "graph/compile/program.h"
#include "graph/diffusion/distill.h"
#include "tests/support.h"

enum { STEPS = 3, BATCH = 4, CONTEXTS = 5, HEIGHT = 8, CHANNELS = 3, EACH = CHANNELS * HEIGHT * HEIGHT };

static mote_device *device;

static mote_model_info info_of(mote_prediction prediction) {
  mote_model_info info = SMALL_MODEL;
  info.prediction = prediction;
  info.schedule = prediction == MOTE_PREDICT_EPSILON ? MOTE_SCHEDULE_LINEAR : MOTE_SCHEDULE_COSINE;
  return info;
}

typedef struct fixture {
  program *program;
  draw_batch_tensors batch;
  distill_desc desc;
  tensor *target;
} fixture;

static void build(fixture *f, const mote_model *teacher, double guidance) {
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  f->batch.x = graph_input(graph, "x", (shape){BATCH, CHANNELS, HEIGHT, HEIGHT}, ROLE_ACTIVATION);
  f->batch.time = graph_input(graph, "time", (shape){BATCH, 1, 1, 1}, ROLE_ACTIVATION);
  f->batch.context = graph_input(graph, "context", (shape){BATCH, CONTEXTS, 1, 1}, ROLE_ACTIVATION);
  f->batch.row = graph_input(graph, "row", (shape){1, BATCH, 1, 1}, ROLE_TABLE);
  f->desc = (distill_desc){.teacher = teacher,
                           .steps = STEPS,
                           .guidance = guidance,
                           .leaps = graph_input(graph, "leaps", (shape){STEPS + 1, LEAP_WORDS, 1, 1}, ROLE_TABLE),
                           .ones = graph_input(graph, "ones", (shape){BATCH, 1, 1, 1}, ROLE_ACTIVATION)};
  graph->train = true;
  if (guidance != 1) f->desc.none = graph_input(graph, "none", (shape){BATCH, CONTEXTS, 1, 1}, ROLE_ACTIVATION);
  f->target = distill_target(graph, &f->desc, &f->batch);
  assert_non_null(f->target);
  assert_false(f->target->requires_grad);
  f->target->keep = true;
  MUST(passes_apply(graph, PASS_FORWARD, &error));  // as the trainer does before the student's backward pass
  MUST(distill_bind(teacher, graph, &error));
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "distill"}, &f->program, &error));
}

// The target of images at the beginning of the student's step `row`.
static void read_target(fixture *f, const mote_model_info *student, int row, const float *x, const float *context,
                        float *target) {
  mote_error error = {0};
  float leaps[(STEPS + 1) * LEAP_WORDS] = {0}, times[BATCH], ones[BATCH], none[BATCH * CONTEXTS] = {0};
  uint32_t rows[BATCH];
  int timesteps[STEPS + 1];
  MUST(distill_table(student, &f->desc, leaps, timesteps, &error));
  for (int i = 0; i < BATCH; i++) {
    times[i] = (float)timesteps[row] / (float)student->timesteps;
    ones[i] = 1;
    rows[i] = (uint32_t)row;
  }
  MUST(program_write(f->program, f->batch.x, x, &error));
  MUST(program_write(f->program, f->batch.time, times, &error));
  MUST(program_write(f->program, f->batch.context, context, &error));
  MUST(program_write(f->program, f->batch.row, rows, &error));
  MUST(program_write(f->program, f->desc.leaps, leaps, &error));
  MUST(program_write(f->program, f->desc.ones, ones, &error));
  if (f->desc.none) MUST(program_write(f->program, f->desc.none, none, &error));
  MUST(program_run(f->program, SEQUENCE(STAGE_PREPARE, STAGE_ONCE, STAGE_STEP), 1, &error));
  MUST(program_read(f->program, f->target, target, &error));
}

// Images on the way of a sampler with twice the student's steps: before the student's step `row`, and behind it.
static void follow_teacher(mote_model *teacher, double guidance, int row, const float *context, float *before,
                           float *after) {
  mote_error error = {0};
  mote_sampler *sampler;
  const mote_sampler_desc desc = {.model = teacher, .steps = 2 * STEPS, .batch = BATCH, .guidance = guidance};
  MUST(mote_sampler_create(&desc, &sampler, &error));
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 3, .context = context}, &error));
  if (row < STEPS) MUST(mote_sampler_run(sampler, 2 * (STEPS - row), &error));
  MUST(mote_sampler_read(sampler, before, &error));
  MUST(mote_sampler_run(sampler, 2, &error));
  MUST(mote_sampler_read(sampler, after, &error));
  mote_sampler_destroy(&sampler);
}

// Nichol & Dhariwal 2021; at T their limit of 0.999 on beta holds.
static double cosine_bar(double t, double T) {
  if (t == T) return 0.001 * cosine_bar(T - 1, T);
  double at = cos((t / T + 0.008) / 1.008 * 1.5707963267948966), start = cos(0.008 / 1.008 * 1.5707963267948966);
  return at * at / (start * start);
}

// Ho et al. 2020, with this project's betas.
static double linear_bar(double t, double T) {
  double product = 1;
  for (int s = 0; s <= t; s++) product *= 1 - (1e-4 + (0.02 - 1e-4) * s / T);
  return product;
}

// Where a student that predicts `m` arrives, from t to s: DDIM (Song et al. 2021, equation 12).
static double ddim(mote_prediction prediction, double x, double m, double bar_t, double bar_s) {
  double signal = sqrt(bar_t), noise = sqrt(1 - bar_t);
  double epsilon = prediction == MOTE_PREDICT_EPSILON ? m
                   : prediction == MOTE_PREDICT_V     ? noise * x + signal * m
                                                      : (x - signal * m) / noise;
  double x0 = prediction == MOTE_PREDICT_EPSILON ? (x - noise * m) / signal
              : prediction == MOTE_PREDICT_V     ? signal * x - noise * m
                                                 : m;
  return sqrt(bar_s) * x0 + sqrt(1 - bar_s) * epsilon;
}

static void check_way(mote_prediction taught, mote_prediction learned, double guidance, int row) {
  float context[BATCH * CONTEXTS] = {0}, before[BATCH * EACH], after[BATCH * EACH], target[BATCH * EACH];
  for (int i = 0; i < BATCH; i++) context[i * CONTEXTS + i] = 1;
  mote_model *teacher = test_model(device, info_of(taught));
  mote_model_info student = *mote_model_get_info(teacher);
  student.prediction = learned;
  fixture f = {0};
  build(&f, teacher, guidance);
  follow_teacher(teacher, guidance, row, context, before, after);
  read_target(&f, &student, row, before, context, target);
  double T = student.timesteps, t = floor(T * row / STEPS + 0.5), s = floor(T * (row - 1) / STEPS + 0.5);
  double (*bar)(double, double) = student.schedule == MOTE_SCHEDULE_COSINE ? cosine_bar : linear_bar;
  float arrived[BATCH * EACH];
  for (int i = 0; i < BATCH * EACH; i++)
    arrived[i] = (float)ddim(learned, before[i], target[i], bar(t, T), s > 0 ? bar(s, T) : 1);
  if (relative_error(arrived, after, BATCH * EACH) > 2e-5)
    fail_msg("row %d, guidance %g: %g away", row, guidance, relative_error(arrived, after, BATCH * EACH));
  program_destroy(&f.program);
  mote_model_destroy(&teacher);
}

// The last timestep of a cosine schedule has next to no signal, where ε and x_0 say little of each other.
static void test_target(void **state) {
  (void)state;
  for (int row = 1; row <= STEPS; row++) {
    check_way(MOTE_PREDICT_V, MOTE_PREDICT_V, 1, row);
    check_way(MOTE_PREDICT_V, MOTE_PREDICT_V, 2.5, row);
  }
  for (int row = 1; row < STEPS; row++) {
    check_way(MOTE_PREDICT_EPSILON, MOTE_PREDICT_EPSILON, 1, row);
    check_way(MOTE_PREDICT_X0, MOTE_PREDICT_V, 2, row);
    check_way(MOTE_PREDICT_V, MOTE_PREDICT_X0, 1, row);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Training

static uint8_t pixels[BATCH * EACH];

static mote_trainer_desc student_desc(const mote_model *teacher) {
  for (int i = 0; i < BATCH * EACH; i++) pixels[i] = (uint8_t)(i * 37 % 256);
  static float contexts[BATCH * CONTEXTS];
  for (int i = 0; i < BATCH; i++) contexts[i * CONTEXTS + i] = 1;
  return (mote_trainer_desc){.device = device,
                             .model = info_of(MOTE_PREDICT_V),
                             .teacher = teacher,
                             .start = teacher,
                             .distill_steps = STEPS,
                             .teacher_guidance = 2,
                             .data = {BATCH, pixels, contexts},
                             .batch = 16,
                             .total_steps = 300,
                             .learning_rate = 5e-3,
                             .ema = 0.9,
                             .seed = 1};
}

// Images of a run of `steps` steps; the caller frees.
static float *sample(mote_model *model, int steps, double guidance) {
  mote_error error = {0};
  mote_sampler *sampler;
  float context[BATCH * CONTEXTS] = {0}, *x = malloc(BATCH * EACH * sizeof *x);
  assert_non_null(x);
  for (int i = 0; i < BATCH; i++) context[i * CONTEXTS + i] = 1;
  const mote_sampler_desc desc = {.model = model, .steps = steps, .batch = BATCH, .guidance = guidance};
  MUST(mote_sampler_create(&desc, &sampler, &error));
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 9, .context = context}, &error));
  MUST(mote_sampler_run(sampler, steps, &error));
  MUST(mote_sampler_read(sampler, x, &error));
  mote_sampler_destroy(&sampler);
  return x;
}

// From the same noise the student arrives nearer to the teacher's guided images than the teacher does by itself.
static void check_images(mote_model *teacher, mote_model *student) {
  float *wanted = sample(teacher, 2 * STEPS, 2), *without = sample(teacher, STEPS, 1), *found = sample(student, STEPS, 1);
  double before = relative_error(without, wanted, BATCH * EACH), after = relative_error(found, wanted, BATCH * EACH);
  if (!(after < 0.75 * before)) fail_msg("the student is %g away, the teacher without it %g", after, before);
  free(wanted);
  free(without);
  free(found);
}

static void test_training(void **state) {
  (void)state;
  mote_error error = {0};
  mote_model *teacher = test_model(device, info_of(MOTE_PREDICT_V));
  mote_trainer_desc desc = student_desc(teacher);
  mote_trainer *trainer, *again;
  float losses[300], same[300];
  mote_needs needs;
  MUST(mote_trainer_get_needs(&desc, &needs, &error));
  uint64_t before = mote_device_get_counters(device).memory_bytes;
  MUST(mote_trainer_create(&desc, &trainer, &error));
  assert_int_equal(mote_device_get_counters(device).memory_bytes - before, needs.memory_bytes);
  MUST(mote_trainer_run(trainer, 300, losses, &error));
  double first = 0, last = 0;
  for (int i = 0; i < 20; i++) first += losses[i] / 20, last += losses[280 + i] / 20;
  if (!(last < 0.5 * first)) fail_msg("the loss went from %g to %g", first, last);
  mote_model *student;
  MUST(mote_trainer_get_model(trainer, &student, &error));
  assert_int_equal(mote_model_get_info(student)->steps, STEPS);
  assert_true(mote_model_get_info(student)->guidance == 2);
  check_images(teacher, student);
  MUST(mote_trainer_create(&desc, &again, &error));
  MUST(mote_trainer_run(again, 300, same, &error));
  assert_memory_equal(losses, same, sizeof losses);
  mote_trainer_destroy(&again);
  mote_trainer_destroy(&trainer);
  mote_model_destroy(&teacher);
}

static void test_default_steps(void **state) {
  (void)state;
  mote_error error = {0};
  const mote_model_info small = info_of(MOTE_PREDICT_V);
  weights *w = weights_make(&small);
  weights_set(w, "steps", "4");
  weights_set(w, "guidance", "2");
  mote_model *model;
  MUST(weights_load(w, device, &model, &error));
  assert_int_equal(mote_model_get_info(model)->steps, 4);
  assert_true(mote_model_get_info(model)->guidance == 2);
  static const struct {
    mote_sampler_desc desc;
    int steps;
  } cases[] = {{{0}, 4}, {{.kind = MOTE_SAMPLER_DDPM}, 4}, {{.steps = 7}, 7}, {{.strength = 0.004}, 2}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    mote_sampler_desc desc = cases[i].desc;
    desc.model = model;
    mote_sampler *sampler;
    MUST(mote_sampler_create(&desc, &sampler, &error));
    assert_int_equal(mote_sampler_step_count(sampler), cases[i].steps);
    mote_sampler_destroy(&sampler);
  }
  mote_model_destroy(&model);
  static const char *const wrong[][2] = {{"steps", "0"}, {"steps", "501"}, {"steps", "4x"}, {"guidance", "-1"},
                                         {"guidance", "nan"}, {"guidance", "two"}, {"context_drop", "1.5"},
                                         {"context_drop", "-0.1"}, {"context_drop", "x"}};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    weights_set(w, "steps", "4");
    weights_set(w, "guidance", "2");
    weights_set(w, "context_drop", "0.1");
    weights_set(w, wrong[i][0], wrong[i][1]);
    assert_int_equal(weights_load(w, device, &model, &error), MOTE_ERROR_FORMAT);
    assert_error(&error, MOTE_ERROR_FORMAT, wrong[i][0]);
  }
  weights_free(&w);
}

static void test_refused(void **state) {
  (void)state;
  mote_error error = {0};
  mote_model *teacher = test_model(device, info_of(MOTE_PREDICT_V));
  mote_trainer *trainer;
  mote_trainer_desc desc = student_desc(teacher);
  desc.distill_steps = 0;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "distill_steps is 0, expected 1 to 250");
  desc = student_desc(teacher);
  desc.distill_steps = 251;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "distill_steps is 251");
  desc = student_desc(teacher);
  desc.teacher_guidance = -1;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "teacher_guidance is -1");
  desc = student_desc(teacher);
  desc.validation = desc.data;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "validation: found 4 images");
  desc = student_desc(teacher);
  desc.model.schedule = MOTE_SCHEDULE_LINEAR;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "teacher: its");
  desc = student_desc(teacher);
  desc.model.n_cfeat = 4;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "teacher: found n_cfeat 5, expected 4");
  assert_null(trainer);
  mote_model_destroy(&teacher);
  mote_model_info divided = info_of(MOTE_PREDICT_EPSILON);
  divided.schedule = MOTE_SCHEDULE_COSINE;
  teacher = test_model(device, divided);
  desc = student_desc(teacher);
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "teacher: predicts epsilon");
  mote_model_destroy(&teacher);
}

static int make_device(void **state) {
  (void)state;
  device = test_device((mote_device_desc){0});
  return 0;
}

static int end_device(void **state) {
  (void)state;
  test_device_end(&device);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_target), cmocka_unit_test(test_training),
                                     cmocka_unit_test(test_default_steps), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, make_device, end_device);
}

// test_trainer.c: the recorded training step: repeatable, resumable, able to learn, and safe when it cannot.
#include "tests/support.h"

#include <math.h>
#include <unistd.h>

#include "graph/diffusion/objective.h"
#include "graph/diffusion/trainer.h"
#include "runtime/hash.h"
#include "shaders/train_state.h"

enum { IMAGES = 12, HEIGHT = 8, CHANNELS = 3, CONTEXTS = 2 };

static uint8_t pixels[IMAGES * HEIGHT * HEIGHT * CHANNELS];
static float contexts[IMAGES * CONTEXTS];

// A few flat-coloured squares, told apart by colour and context.
static void fill_data(void) {
  for (int i = 0; i < IMAGES; i++) {
    contexts[i * CONTEXTS + i % CONTEXTS] = 1;
    for (int p = 0; p < HEIGHT * HEIGHT; p++)
      for (int c = 0; c < CHANNELS; c++) {
        bool inside = p % HEIGHT > 1 && p % HEIGHT < 6 && p / HEIGHT > 1 && p / HEIGHT < 6;
        pixels[(i * HEIGHT * HEIGHT + p) * CHANNELS + c] = inside ? (uint8_t)(60 + 15 * i * (c + 1) % 190) : 0;
      }
  }
}

static mote_trainer_desc small(mote_device *device) {
  return (mote_trainer_desc){.device = device,
                             .model = {.channels = CHANNELS,
                                       .height = HEIGHT,
                                       .n_feat = 8,
                                       .n_cfeat = CONTEXTS,
                                       .timesteps = 50,
                                       .prediction = MOTE_PREDICT_V,
                                       .schedule = MOTE_SCHEDULE_COSINE},
                             .data = {IMAGES - 2, pixels, contexts},
                             .validation = {2, pixels + (IMAGES - 2) * HEIGHT * HEIGHT * CHANNELS, contexts},
                             .batch = 4,
                             .total_steps = 40,
                             .context_drop = 0.1,
                             .flip = 0.5,
                             .shift = 1,
                             .clip = 1,
                             .min_snr = 5,
                             .weight_decay = 0.01,
                             .seed = 5};
}

static mote_trainer *create(const mote_trainer_desc *desc) {
  mote_error error = {0};
  mote_trainer *trainer;
  if (mote_trainer_create(desc, &trainer, &error)) fail_msg("%s", error.message);
  return trainer;
}

static void train(mote_trainer *trainer, int steps, float *losses) {
  mote_error error = {0};
  if (mote_trainer_run(trainer, steps, losses, &error)) fail_msg("%s", error.message);
}

// Which file of the test's own, beside nothing of value.
static const char *path_of(const char *name) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/mote-test-%d-%s", (int)getpid(), name);
  return path;
}

// Of the whole state.
static uint64_t hash_of(mote_trainer *trainer) {
  mote_error error = {0};
  const char *path = path_of("state");
  if (mote_trainer_save_state(trainer, path, &error)) fail_msg("%s", error.message);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  uint64_t hash = HASH_START;
  for (int byte; (byte = getc(file)) != EOF;) hash = hash_bytes(hash, &(uint8_t){(uint8_t)byte}, 1);
  fclose(file);
  remove(path);
  return hash;
}

static void the_same_description_trains_to_the_same_bits(void **state) {
  mote_trainer_desc desc = small(*state);
  uint64_t hashes[2];
  for (int i = 0; i < 2; i++) {
    mote_trainer *trainer = create(&desc);
    train(trainer, 12, NULL);
    hashes[i] = hash_of(trainer);
    mote_trainer_destroy(&trainer);
  }
  assert_true(hashes[0] == hashes[1]);
  desc.seed++;
  mote_trainer *other = create(&desc);
  train(other, 12, NULL);
  assert_true(hashes[0] != hash_of(other));
  mote_trainer_destroy(&other);
}

static void one_submission_of_many_steps_equals_many_of_one(void **state) {
  const mote_trainer_desc desc = small(*state);
  mote_trainer *once = create(&desc), *often = create(&desc);
  float losses[10], singles[10];
  uint64_t before = mote_device_get_counters(*state).submissions;
  train(once, 10, losses);
  assert_int_equal(mote_device_get_counters(*state).submissions - before, 1);
  for (int i = 0; i < 10; i++) train(often, 1, &singles[i]);
  assert_memory_equal(losses, singles, sizeof losses);
  assert_true(hash_of(once) == hash_of(often));
  mote_trainer_destroy(&once);
  mote_trainer_destroy(&often);
}

static void run_stages(mote_trainer *trainer, sequence sequence) {
  mote_error error = {0};
  MUST(program_run(trainer_program(trainer), sequence, 1, &error));
}

static void a_caller_may_act_between_gradient_and_update(void **state) {
  for (int batches = 1; batches <= 3; batches += 2) {
    mote_trainer_desc desc = small(*state);
    desc.accumulate = batches;
    mote_error error = {0};
    mote_trainer *joined = create(&desc), *apart = create(&desc);
    const size_t count = apart->parameters.learned_bytes / sizeof(float);
    float *gradients = malloc(count * sizeof *gradients);
    train(joined, 3, NULL);
    for (int step = 0; step < 3; step++) {
      double squares = 0;
      const uint64_t before = hash_of(apart);
      for (int i = 0; i < batches; i++) run_stages(apart, SEQUENCE(STAGE_GRADIENT));
      assert_true(hash_of(apart) == before);  // what lasts is written by the update alone
      MUST(buffer_download(apart->flat[FLAT_EXCHANGE], 0, gradients, count * sizeof *gradients, &error));
      for (size_t i = 0; i < count; i++) squares += (double)gradients[i] * (double)gradients[i];
      assert_true(squares > 0 && isfinite(squares));
      run_stages(apart, SEQUENCE(STAGE_UPDATE));
    }
    assert_true(hash_of(joined) == hash_of(apart));
    free(gradients);
    mote_trainer_destroy(&joined);
    mote_trainer_destroy(&apart);
  }
}

static void a_statistic_that_is_not_finite_stops_and_keeps_the_weights(void **state) {
  const mote_trainer_desc desc = small(*state);
  mote_error error = {0};
  mote_trainer *trainer = create(&desc);
  train(trainer, 2, NULL);
  run_stages(trainer, SEQUENCE(STAGE_GRADIENT));
  const float wrong = NAN;
  MUST(buffer_upload(trainer->flat[FLAT_EXCHANGE], trainer->parameters.bytes - 64, &wrong, sizeof wrong, &error));
  uint64_t bytes = trainer->parameters.bytes;
  float *before = malloc(bytes), *after = malloc(bytes);
  MUST(buffer_download(trainer->flat[FLAT_WEIGHTS], 0, before, bytes, &error));
  run_stages(trainer, SEQUENCE(STAGE_UPDATE));
  MUST(buffer_download(trainer->flat[FLAT_WEIGHTS], 0, after, bytes, &error));
  assert_memory_equal(before, after, bytes);
  uint32_t words[TRAIN_WORDS];
  MUST(program_read(trainer->program, trainer->state, words, &error));
  assert_int_equal(words[TRAIN_FAILED], 3);
  free(before);
  free(after);
  mote_trainer_destroy(&trainer);
}

static void a_saved_state_goes_on_with_the_same_bits(void **state) {
  const mote_trainer_desc desc = small(*state);
  mote_error error = {0};
  mote_trainer *whole = create(&desc), *first = create(&desc), *second = create(&desc);
  train(whole, 15, NULL);
  train(first, 7, NULL);
  const char *path = path_of("resume");
  if (mote_trainer_save_state(first, path, &error)) fail_msg("%s", error.message);
  if (mote_trainer_load_state(second, path, &error)) fail_msg("%s", error.message);
  remove(path);
  assert_int_equal(mote_trainer_steps_done(second), 7);
  train(second, 8, NULL);
  assert_true(hash_of(whole) == hash_of(second));
  mote_trainer_destroy(&whole);
  mote_trainer_destroy(&first);
  mote_trainer_destroy(&second);
}

static void a_state_of_another_run_is_refused(void **state) {
  mote_trainer_desc desc = small(*state);
  mote_error error = {0};
  mote_trainer *trainer = create(&desc);
  const char *path = path_of("other");
  if (mote_trainer_save_state(trainer, path, &error)) fail_msg("%s", error.message);
  mote_trainer_destroy(&trainer);
  desc.model.n_feat = 16;
  trainer = create(&desc);
  assert_int_equal(mote_trainer_load_state(trainer, path, &error), MOTE_ERROR_FORMAT);
  assert_non_null(strstr(error.message, "shape"));
  mote_trainer_destroy(&trainer);
  desc = small(*state);
  desc.seed = 6;
  trainer = create(&desc);
  assert_int_equal(mote_trainer_load_state(trainer, path, &error), MOTE_ERROR_FORMAT);
  assert_non_null(strstr(error.message, "seed"));
  mote_trainer_destroy(&trainer);
  remove(path);
}

// Changes one number of a state file, the one at `index` of tensor `name`.
static void set_number(const char *path, const char *name, size_t index, float value) {
  mote_error error = {0};
  uint8_t *data;
  size_t bytes;
  safetensors *st;
  MUST(file_read(path, 1 << 24, &data, &bytes, &error));
  MUST(safetensors_parse(path, data, bytes, &st, &error));
  memcpy(data + (safetensors_find(st, name)->data - data) + 4 * index, &value, 4);
  safetensors_destroy(&st);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
  free(data);
}

static void a_state_of_impossible_numbers_is_refused(void **state) {
  static const struct {
    const char *tensor;
    size_t index;
    float value;
    const char *expected;
  } wrong[] = {{"state", 0, NAN, "number 0 of state is nan, expected a whole number from 0 to 65535"},
               {"state", 0, 0.5f, "number 0 of state is 0.5"},
               {"state", 0, -1, "number 0 of state is -1"},
               {"state", 1, 1e30f, "number 1 of state is 1e+30"},
               {"state", 3, 65536, "number 3 of state is 65536"},
               {"state", 6, 0, "the learning rate's end in state is 0"},
               {"state", 8, 4, "step 4 failed by state, which is of step 2"},
               {"state", 0, 0, "the optimiser's powers in state are not those of step 0"},
               {"state", 11, 16256, "the optimiser's powers in state are not those of step 2"},
               {"weights", 0, NAN, "weights: tensor"},
               {"average", 0, INFINITY, "average: tensor"},
               {"first_moment", 0, NAN, "first_moment: tensor"},
               {"second_moment", 0, -1e-9f, "expected a square"}};
  const mote_trainer_desc desc = small(*state);
  mote_error error = {0};
  mote_trainer *trainer = create(&desc);
  train(trainer, 2, NULL);
  const uint64_t hash = hash_of(trainer);
  const char *path = path_of("impossible");
  for (size_t i = 0; i < COUNT(wrong); i++) {
    MUST(mote_trainer_save_state(trainer, path, &error));
    set_number(path, wrong[i].tensor, wrong[i].index, wrong[i].value);
    assert_int_equal(mote_trainer_load_state(trainer, path, &error), MOTE_ERROR_FORMAT);
    assert_contains(error.message, wrong[i].expected);
    assert_contains(error.message, path);
  }
  MUST(mote_trainer_save_state(trainer, path, &error));
  assert_int_equal(truncate(path, (off_t)1 << 41), 0);
  assert_int_equal(mote_trainer_load_state(trainer, path, &error), MOTE_ERROR_FORMAT);
  assert_contains(error.message, "its tensors end at");
  remove(path);
  assert_true(hash_of(trainer) == hash);  // nothing was changed
  mote_trainer_destroy(&trainer);
}

static void it_learns_a_tiny_set_by_heart(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.model.n_feat = 16;
  desc.model.prediction = MOTE_PREDICT_X0;
  desc.data.count = 1;
  desc.validation.count = 0;
  desc.batch = 16;
  desc.total_steps = 400;
  desc.learning_rate = 3e-3;
  desc.flip = desc.context_drop = desc.min_snr = desc.weight_decay = 0;
  desc.shift = 0;
  mote_trainer *trainer = create(&desc);
  float losses[400];
  train(trainer, 400, losses);
  float last = 0;
  for (int i = 380; i < 400; i++) last += losses[i] / 20;
  if (!(losses[0] > 0.1f && last < 1e-3f)) fail_msg("loss went from %g to %g", (double)losses[0], (double)last);
  mote_trainer_destroy(&trainer);
}

static void the_held_out_loss_falls_and_does_not_change_by_looking(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.total_steps = 150;
  mote_error error = {0};
  mote_trainer *trainer = create(&desc);
  double before, after, again;
  if (mote_trainer_validate(trainer, &before, &error)) fail_msg("%s", error.message);
  train(trainer, 150, NULL);
  uint64_t hash = hash_of(trainer);
  if (mote_trainer_validate(trainer, &after, &error)) fail_msg("%s", error.message);
  if (mote_trainer_validate(trainer, &again, &error)) fail_msg("%s", error.message);
  assert_true(after < before * 0.7);
  assert_true(after == again);
  assert_true(hash == hash_of(trainer));
  mote_trainer_destroy(&trainer);
}

static void a_loss_that_is_not_finite_stops_and_keeps_the_weights(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.learning_rate = 10;
  desc.lr_schedule = MOTE_LR_CONSTANT;
  desc.clip = desc.min_snr = 0;
  desc.weight_decay = 10;  // (1 - 100)^t leaves the range of floats within twenty steps
  mote_error error = {0};
  mote_trainer *trainer = create(&desc);
  assert_int_equal(mote_trainer_run(trainer, 100, NULL, &error), MOTE_ERROR_DEVICE);
  assert_non_null(strstr(error.message, "not finite"));
  uint64_t steps = mote_trainer_steps_done(trainer);
  assert_true(steps > 0 && steps < 100);
  assert_int_equal(mote_trainer_run(trainer, 5, NULL, &error), MOTE_ERROR_DEVICE);
  assert_int_equal(mote_trainer_steps_done(trainer), steps);
  // What is left can be saved, and every number in it is finite.
  const char *path = path_of("failed");
  MUST(mote_trainer_save_weights(trainer, path, false, &error));
  uint8_t *data;
  size_t bytes;
  safetensors *file;
  MUST(file_read(path, 1 << 24, &data, &bytes, &error));
  MUST(safetensors_parse(path, data, bytes, &file, &error));
  for (size_t i = 0; i < file->count; i++) {
    float *numbers = malloc(file->entries[i].element_count * sizeof *numbers);
    assert_true(safetensors_read_float(&file->entries[i], numbers));
    for (size_t k = 0; k < file->entries[i].element_count; k++) assert_true(isfinite(numbers[k]));
    free(numbers);
  }
  safetensors_destroy(&file);
  free(data);
  remove(path);
  mote_trainer_destroy(&trainer);
}

static void gradients_of_several_batches_are_averaged(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.accumulate = 3;
  mote_trainer *trainer = create(&desc);
  float losses[30];
  train(trainer, 30, losses);
  for (int i = 0; i < 30; i++) assert_true(isfinite(losses[i]) && losses[i] > 0 && losses[i] < 10);
  mote_trainer_destroy(&trainer);
}

// What the first weights' gradients are in step `step`; the caller frees them.
static float *gradients_of(const mote_trainer_desc *desc, uint32_t step, size_t *count) {
  mote_error error = {0};
  mote_trainer *trainer = create(desc);
  uint32_t words[TRAIN_WORDS];
  MUST(program_read(trainer->program, trainer->state, words, &error));
  words[TRAIN_STEPS] = step;
  MUST(program_write(trainer->program, trainer->state, words, &error));
  train(trainer, 1, NULL);
  *count = trainer->parameters.learned_bytes / sizeof(float);
  float *gradients = malloc(trainer->parameters.learned_bytes);
  assert_non_null(gradients);
  MUST(buffer_download(trainer->flat[FLAT_EXCHANGE], 0, gradients, trainer->parameters.learned_bytes, &error));
  mote_trainer_destroy(&trainer);
  return gradients;
}

// Number i of batches `first` on, `count` of them: pairs, pairs of pairs and so on.
static float sum_like_a_counter(float *const *of, size_t i, int first, int count) {
  if (count == 1) return of[first][i];
  int half = 1;
  while (2 * half < count) half *= 2;
  return sum_like_a_counter(of, i, first, half) + sum_like_a_counter(of, i, first + half, count - half);
}

// Batch k of a step of eight is that of step k of a run of one a step, and its share of the gradient an eighth to the bit.
static void gradients_of_batches_merge_like_a_binary_counter(void **state) {
  enum { MOST = 8 };
  mote_trainer_desc desc = small(*state);
  float *single[MOST];
  size_t count, other_in_turn = 0;
  for (uint32_t k = 0; k < MOST; k++) single[k] = gradients_of(&desc, k, &count);
  for (int batches = 2; batches <= MOST; batches++) {
    bool exact = (batches & (batches - 1)) == 0;
    desc.accumulate = batches;
    float *found = gradients_of(&desc, 0, &count);
    double squares = 0, errors = 0;
    for (size_t i = 0; i < count; i++) {
      float expected = sum_like_a_counter(single, i, 0, batches) / (float)batches, in_turn = single[0][i];
      for (int k = 1; k < batches; k++) in_turn += single[k][i];
      other_in_turn += exact && in_turn / (float)batches != expected;
      if (exact && found[i] != expected)
        fail_msg("%d batches: number %zu is %.9g, expected %.9g", batches, i, (double)found[i], (double)expected);
      squares += (double)expected * (double)expected;
      errors += ((double)found[i] - (double)expected) * ((double)found[i] - (double)expected);
    }
    if (!(errors < 1e-10 * squares)) fail_msg("%d batches: an error of %g in %g", batches, sqrt(errors), sqrt(squares));
    free(found);
  }
  assert_true(other_in_turn > 100);  // one after the other is another sum
  for (int k = 0; k < MOST; k++) free(single[k]);
}

static void the_weights_it_writes_are_the_model_it_shows(void **state) {
  const mote_trainer_desc desc = small(*state);
  mote_error error = {0};
  mote_trainer *trainer = create(&desc);
  train(trainer, 5, NULL);
  mote_model *shown, *loaded;
  const char *path = path_of("weights");
  if (mote_trainer_get_model(trainer, &shown, &error) || mote_trainer_save_weights(trainer, path, false, &error) ||
      mote_model_load_file(*state, path, &loaded, &error))
    fail_msg("%s", error.message);
  remove(path);
  enum { SIZE = CHANNELS * HEIGHT * HEIGHT };
  float x[SIZE], outputs[2][SIZE];
  for (int i = 0; i < SIZE; i++) x[i] = (float)(i % 7) / 7;
  const int32_t step = 20;
  const mote_forward_desc forward = {.batch = 1, .x = x, .steps = &step};
  if (mote_model_forward(shown, &forward, outputs[0], &error) ||
      mote_model_forward(loaded, &forward, outputs[1], &error))
    fail_msg("%s", error.message);
  assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
  assert_int_equal(mote_model_get_info(loaded)->timesteps, 50);
  assert_int_equal(mote_model_get_info(loaded)->prediction, MOTE_PREDICT_V);
  assert_int_equal(mote_model_get_info(loaded)->schedule, MOTE_SCHEDULE_COSINE);
  mote_model_destroy(&loaded);
  mote_trainer_destroy(&trainer);
}

static void assert_refused(const mote_trainer_desc *desc, const char *expected) {
  mote_error error = {0};
  mote_trainer *trainer = (mote_trainer *)1;
  const mote_status status = mote_trainer_create(desc, &trainer, &error);
  if (status != MOTE_ERROR_USAGE || !strstr(error.message, expected))
    fail_msg("status %d, '%s', expected '%s'", status, error.message, expected);
  assert_null(trainer);
}

static void a_description_says_what_is_learned(void **state) {
  mote_trainer_desc desc = small(*state);
  assert_string_equal(objective_of(&desc)->name, "denoise");
  strcpy(desc.model.architecture, "sprite_classifier");
  assert_string_equal(objective_of(&desc)->name, "classify");
  strcpy(desc.model.architecture, "context_unet");
  desc.teacher = (const mote_model *)&desc;  // is not looked at
  assert_string_equal(objective_of(&desc)->name, "distill");
  strcpy(desc.model.architecture, "an unknown one");
  desc.teacher = NULL;
  assert_string_equal(objective_of(&desc)->name, "denoise");
}

static void descriptions_out_of_range_name_the_field(void **state) {
  const struct {
    const char *field;
    size_t offset;
    int value;
  } wrong[] = {{"batch", offsetof(mote_trainer_desc, batch), -1},
               {"accumulate", offsetof(mote_trainer_desc, accumulate), 65},
               {"shift", offsetof(mote_trainer_desc, shift), 9},
               {"lr_schedule", offsetof(mote_trainer_desc, lr_schedule), 3},
               {"channels", offsetof(mote_trainer_desc, model.channels), 5},
               {"channels", offsetof(mote_trainer_desc, model.channels), 0},
               {"n_feat", offsetof(mote_trainer_desc, model.n_feat), 12},
               {"n_feat", offsetof(mote_trainer_desc, model.n_feat), -8},
               {"n_cfeat", offsetof(mote_trainer_desc, model.n_cfeat), 1025},
               {"height", offsetof(mote_trainer_desc, model.height), 10},
               {"timesteps", offsetof(mote_trainer_desc, model.timesteps), -1},
               {"timesteps", offsetof(mote_trainer_desc, model.timesteps), 100001},
               {"schedule 77", offsetof(mote_trainer_desc, model.schedule), 77},
               {"prediction -1", offsetof(mote_trainer_desc, model.prediction), -1},
               {"labels names -1", offsetof(mote_trainer_desc, model.label_count), -1},
               {"labels names 1", offsetof(mote_trainer_desc, model.label_count), 1},
               {"labels names 1000000", offsetof(mote_trainer_desc, model.label_count), 1000000}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    mote_trainer_desc desc = small(*state);
    memcpy((char *)&desc + wrong[i].offset, &wrong[i].value, sizeof(int));
    assert_refused(&desc, wrong[i].field);
    strcpy(desc.model.architecture, "sprite_classifier");
    assert_refused(&desc, wrong[i].field);
  }
}

static void numbers_out_of_range_name_the_field(void **state) {
  const struct {
    const char *expected;
    size_t offset;
    double value;
  } wrong[] = {{"beta_start is 0.5, expected at most beta_end, which is 0.02", offsetof(mote_trainer_desc, model.beta_start), 0.5},
               {"beta_start is nan", offsetof(mote_trainer_desc, model.beta_start), NAN},
               {"beta_end is 1,", offsetof(mote_trainer_desc, model.beta_end), 1},
               {"beta_end is -0.02", offsetof(mote_trainer_desc, model.beta_end), -0.02},
               {"learning_rate is nan", offsetof(mote_trainer_desc, learning_rate), NAN},
               {"weight_decay is -1", offsetof(mote_trainer_desc, weight_decay), -1},
               {"ema is inf", offsetof(mote_trainer_desc, ema), INFINITY},
               {"context_drop is 1.5", offsetof(mote_trainer_desc, context_drop), 1.5},
               {"min_snr is -1", offsetof(mote_trainer_desc, min_snr), -1},
               {"flip is nan", offsetof(mote_trainer_desc, flip), NAN}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    mote_trainer_desc desc = small(*state);
    memcpy((char *)&desc + wrong[i].offset, &wrong[i].value, sizeof(double));
    assert_refused(&desc, wrong[i].expected);
  }
}

// A trainer of what a file could not say would end in weights that nothing reads.
static void descriptions_that_no_file_could_hold_are_refused(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.model.label_count = desc.model.n_cfeat;
  for (int i = 0; i < desc.model.n_cfeat; i++) snprintf(desc.model.labels[i], sizeof desc.model.labels[i], "label %d", i);
  mote_trainer *trainer = create(&desc);
  mote_trainer_destroy(&trainer);
  static const char *const labels[] = {"", "sword, long", "a=1", "none", "h\xe9ros", "\x1b[2J", "label 1"};
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    snprintf(desc.model.labels[0], sizeof desc.model.labels[0], "%s", labels[i]);
    assert_refused(&desc, i < 6 ? "label 1 of labels is" : "labels 1 and 2 of labels are both");
  }
  memset(desc.model.labels[0], 'a', sizeof desc.model.labels[0]);
  assert_refused(&desc, "expected 1 to 31 bytes");
  desc = small(*state);
  memset(desc.model.trained_on, 'a', sizeof desc.model.trained_on);
  assert_refused(&desc, "trained_on is");
  strcpy(desc.model.trained_on, "a\nb");
  assert_refused(&desc, "trained_on is");
  desc = small(*state);
  memset(desc.model.architecture, 'a', sizeof desc.model.architecture);
  assert_refused(&desc, "architecture is");
  desc = small(*state);
  desc.model.premultiplied = true;
  assert_refused(&desc, "premultiplied with channels 3");
}

// Of one attribute contexts are dropped as those without a name are; of several each by itself too.
static void attributes_are_dropped_apart(void **state) {
  float losses[3][8];
  for (int count = 0; count < 3; count++) {
    mote_trainer_desc desc = small(*state);
    desc.context_drop = 0.5;
    desc.model.label_count = desc.model.n_cfeat;
    for (int i = 0; i < desc.model.n_cfeat; i++) snprintf(desc.model.labels[i], sizeof desc.model.labels[i], "label %d", i);
    desc.model.attribute_count = count;
    for (int i = 0; i < count; i++)
      desc.model.attributes[i] = (mote_attribute){.name = {(char)('a' + i)}, .count = i + 1 < count ? 1 : desc.model.n_cfeat - i};
    mote_trainer *trainer = create(&desc);
    train(trainer, 8, losses[count]);
    mote_trainer_destroy(&trainer);
  }
  assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
  assert_memory_not_equal(losses[1], losses[2], sizeof losses[0]);
}

static void descriptions_of_attributes_are_checked(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.model.attribute_count = 65;
  assert_refused(&desc, "attributes name 65, expected 0 to 64");
  desc.model.attribute_count = 1;
  assert_refused(&desc, "attributes name \"\", expected 1 to 31 bytes");
  desc.model.attributes[0] = (mote_attribute){.name = "size", .count = desc.model.n_cfeat, .is_number = true, .high = 1};
  assert_refused(&desc, "numbers from 0 to 1, expected one");
  desc.model.attributes[0] = (mote_attribute){.name = "kind", .count = desc.model.n_cfeat};
  assert_refused(&desc, "and labels, which name 0");
  strcpy(desc.model.architecture, "sprite_classifier");
  desc.model.attributes[0].is_number = true;
  assert_refused(&desc, "which is a number, expected one of labels");
}

static void data_that_are_not_there_are_refused(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.data.pixels = NULL;
  assert_refused(&desc, "data: found");
  desc = small(*state);
  desc.validation = (mote_dataset){1, NULL, NULL};
  assert_refused(&desc, "validation: found 1 images and no pixels");
  desc = small(*state);
  desc.data.count = 0;
  assert_refused(&desc, "no image to train on");
  desc.data.count = UINT32_MAX;
  assert_refused(&desc, "data: found 4294967295 images, expected at most");
  desc = small(*state);
  float context[CONTEXTS] = {0, NAN};
  desc.data = (mote_dataset){1, desc.data.pixels, context};
  assert_refused(&desc, "data: number 1 of the context of image 0 is nan");
  desc = small(*state);
  desc.device = NULL;
  assert_refused(&desc, "a trainer needs a device");
}

static void the_end_of_the_schedule_fits_32_bits(void **state) {
  mote_trainer_desc desc = small(*state);
  desc.total_steps = 1ull << 32;
  assert_refused(&desc, "total_steps is 4294967296, expected at most 4294967295");
  desc.total_steps = 20;
  mote_trainer *trainer = create(&desc);
  mote_error error = {0};
  const double before = mote_trainer_learning_rate(trainer);
  assert_int_equal(mote_trainer_set_total_steps(trainer, (1ull << 32) + 1, &error), MOTE_ERROR_USAGE);
  assert_non_null(strstr(error.message, "total_steps is 4294967297"));
  assert_int_equal(mote_trainer_set_total_steps(trainer, 0, &error), MOTE_ERROR_USAGE);
  assert_true(mote_trainer_learning_rate(trainer) == before);
  MUST(mote_trainer_set_total_steps(trainer, UINT32_MAX, &error));
  mote_trainer_destroy(&trainer);
}

// Of what a trainer takes: dispatches recorded, and memory.
typedef struct cost {
  uint64_t dispatches, memory_bytes, exchange_bytes;
} cost;

static cost cost_of(mote_device *device, int accumulate) {
  mote_trainer_desc desc = small(device);
  desc.accumulate = accumulate;
  const uint64_t before = mote_device_get_counters(device).dispatches_recorded;
  mote_trainer *trainer = create(&desc);
  const cost cost = {.dispatches = mote_device_get_counters(device).dispatches_recorded - before,
                     .memory_bytes = mote_trainer_get_info(trainer).memory_bytes,
                     .exchange_bytes = buffer_bytes(trainer->flat[FLAT_EXCHANGE])};
  mote_trainer_destroy(&trainer);
  return cost;
}

// A batch's network is recorded once, whatever the number of batches; what they add up to takes a buffer a power of two.
static void more_batches_a_step_take_one_dispatch_and_a_few_sums(void **state) {
  const cost one = cost_of(*state, 1), eight = cost_of(*state, 8);
  assert_int_equal(eight.dispatches, one.dispatches + 1);
  assert_int_equal(eight.memory_bytes, one.memory_bytes + 3 * one.exchange_bytes);
}

static void nothing_is_left_behind(void **state) {
  const mote_trainer_desc desc = small(*state);
  uint64_t before = mote_device_get_counters(*state).memory_bytes;
  mote_trainer *trainer = create(&desc);
  mote_trainer_info info = mote_trainer_get_info(trainer);
  assert_true(mote_device_get_counters(*state).memory_bytes >= before + info.memory_bytes);
  assert_true(info.activation_bytes >= info.activation_bound);
  assert_true((double)info.activation_bytes <= 1.15 * (double)info.activation_bound);
  mote_trainer_destroy(&trainer);
  assert_int_equal(mote_device_get_counters(*state).memory_bytes, before);
}

// Batch 100, f 64, 16×16: weights, both moments and the average, and the activations that live at one time, are the least
// that it takes; gradients and what the planner loses are to stay within a twentieth of that.
static void memory_stays_near_its_bound(void **state) {
  static uint8_t image[16 * 16 * 3];
  const mote_trainer_desc desc = {.device = *state,
                                  .model = {.channels = 3, .height = 16, .n_feat = 64, .n_cfeat = 5},
                                  .data = {1, image, NULL},
                                  .batch = 100,
                                  .total_steps = 1};
  mote_trainer *trainer = create(&desc);
  mote_trainer_info info = mote_trainer_get_info(trainer);
  uint64_t bound = info.parameter_bytes / 5 * 4 + info.activation_bound;
  assert_true(info.memory_bytes >= bound);
  assert_true((double)info.memory_bytes <= 1.05 * (double)bound);
  assert_true(info.memory_bytes < 230 * 1048576ull);
  mote_trainer_destroy(&trainer);
}

static int set_up(void **state) {
  fill_data();
  *state = test_device((mote_device_desc){0});
  return 0;
}

// A failing group teardown would leave the exit status at 0, so this is the last test.
static void the_device_ends_with_nothing_on_it(void **state) {
  mote_device *device = *state;
  test_device_end(&device);
}

// `test_trainer PATTERN`: only the tests whose names match, such as '*bits*'.
int main(int argument_count, char **arguments) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_description_trains_to_the_same_bits),
      cmocka_unit_test(one_submission_of_many_steps_equals_many_of_one),
      cmocka_unit_test(a_caller_may_act_between_gradient_and_update),
      cmocka_unit_test(a_statistic_that_is_not_finite_stops_and_keeps_the_weights),
      cmocka_unit_test(a_saved_state_goes_on_with_the_same_bits),
      cmocka_unit_test(a_state_of_another_run_is_refused),
      cmocka_unit_test(a_state_of_impossible_numbers_is_refused),
      cmocka_unit_test(it_learns_a_tiny_set_by_heart),
      cmocka_unit_test(the_held_out_loss_falls_and_does_not_change_by_looking),
      cmocka_unit_test(a_loss_that_is_not_finite_stops_and_keeps_the_weights),
      cmocka_unit_test(gradients_of_several_batches_are_averaged),
      cmocka_unit_test(gradients_of_batches_merge_like_a_binary_counter),
      cmocka_unit_test(the_weights_it_writes_are_the_model_it_shows),
      cmocka_unit_test(a_description_says_what_is_learned),
      cmocka_unit_test(descriptions_out_of_range_name_the_field),
      cmocka_unit_test(numbers_out_of_range_name_the_field),
      cmocka_unit_test(descriptions_that_no_file_could_hold_are_refused),
      cmocka_unit_test(attributes_are_dropped_apart),
      cmocka_unit_test(descriptions_of_attributes_are_checked),
      cmocka_unit_test(data_that_are_not_there_are_refused),
      cmocka_unit_test(the_end_of_the_schedule_fits_32_bits),
      cmocka_unit_test(more_batches_a_step_take_one_dispatch_and_a_few_sums),
      cmocka_unit_test(nothing_is_left_behind),
      cmocka_unit_test(memory_stays_near_its_bound),
      cmocka_unit_test(the_device_ends_with_nothing_on_it),
  };
  if (argument_count > 1 && !test_choose(tests, COUNT(tests), arguments[1])) return 2;
  return cmocka_run_group_tests(tests, set_up, NULL);
}

// test_recorded.c: whatever a sampler can do, its recorded form does to the byte: every option in both forms, the recorded
// one in portions that fit no number of steps. `test_recorded FILE` writes the recorded pixels there too, for same_bits.sh.
#include "tests/embedding/host.h"

enum { BATCH = 2, STEPS = 5, HEIGHT = 8, PIXELS = HEIGHT * HEIGHT, IMAGE = 3 * PIXELS, CONTEXT = 5, PORTION = 3 };

static host the_host;
static mote_device *device;
static mote_model *model;
static float contexts[BATCH * CONTEXT], other_contexts[BATCH * CONTEXT], mixture[BATCH * CONTEXT];
static float noise[BATCH * IMAGE], images[BATCH * IMAGE], mask[BATCH * PIXELS];
static FILE *kept;  // NULL: not asked for
static double budget = MOTE_NO_BUDGET;

static int open_all(void **state) {
  (void)state;
  the_host = host_open();
  device = host_adopt(&the_host);
  model = test_model(device, SMALL_MODEL);
  for (int i = 0; i < BATCH * CONTEXT; i++) {
    contexts[i] = i % CONTEXT == 1;
    other_contexts[i] = i % CONTEXT == 3;
    mixture[i] = test_number(1, (uint32_t)i);
  }
  for (int i = 0; i < BATCH * IMAGE; i++) noise[i] = 2 * test_number(2, (uint32_t)i), images[i] = test_number(3, (uint32_t)i);
  for (int i = 0; i < BATCH * PIXELS; i++) mask[i] = i % 3 == 0;
  return 0;
}

static int close_all(void **state) {
  (void)state;
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  host_close(&the_host);
  return 0;
}

typedef struct option {
  const char *name;
  mote_sampler_desc desc;
  mote_sampler_request request;
} option;

// To join another: a row.
static const option options[] = {
    {"defaults", {0}, {0}},
    {"a seed", {.kind = MOTE_SAMPLER_DDIM}, {.seed = UINT64_C(1) << 40 | 7}},
    {"first_sample", {.eta = 1}, {.seed = 8, .first_sample = 40}},
    {"contexts", {0}, {.seed = 9, .context = contexts}},
    {"mixtures", {0}, {.seed = 9, .context = mixture}},
    {"x_init, as of an interpolation", {.eta = 0.5}, {.seed = 9, .context = mixture, .x_init = noise}},
    {"eta 0.5", {.eta = 0.5}, {.seed = 10}},
    {"DDPM", {.kind = MOTE_SAMPLER_DDPM}, {.seed = 11}},
    {"DPM-Solver++(2M)", {.kind = MOTE_SAMPLER_DPMPP}, {.seed = 12}},
    {"DPM-Solver++(2M) SDE", {.kind = MOTE_SAMPLER_DPMPP_SDE}, {.seed = 13}},
    {"quadratic", {.grid = MOTE_GRID_QUADRATIC}, {.seed = 14}},
    {"Karras", {.grid = MOTE_GRID_KARRAS, .kind = MOTE_SAMPLER_DPMPP}, {.seed = 15}},
    {"guidance", {.guidance = 3}, {.seed = 16, .context = contexts}},
    {"no guidance", {.guidance = 1}, {.seed = 16, .context = contexts}},
    {"guidance away from a context", {.guidance = 3}, {.seed = 16, .context = contexts, .avoid = other_contexts}},
    {"guidance in an interval", {.guidance = 3, .guidance_low = 0.2, .guidance_high = 0.7}, {.seed = 17, .context = contexts}},
    {"clip_x0", {.clip_x0 = true}, {.seed = 18}},
    {"threshold", {.threshold = 0.9}, {.seed = 19}},
    {"image to image", {.edit = MOTE_EDIT_IMAGE, .strength = 0.6}, {.seed = 20, .init = images}},
    {"strength 1", {.edit = MOTE_EDIT_IMAGE}, {.seed = 20, .init = images}},
    {"inpainting", {.edit = MOTE_EDIT_INPAINT}, {.seed = 21, .init = images, .mask = mask}},
    {"inpainting, resampled", {.edit = MOTE_EDIT_INPAINT, .resample = 4}, {.seed = 22, .init = images, .mask = mask}},
    {"inpainting, resampled, everything else",
     {.edit = MOTE_EDIT_INPAINT,
      .resample = 2,
      .kind = MOTE_SAMPLER_DPMPP_SDE,
      .grid = MOTE_GRID_KARRAS,
      .strength = 0.8,
      .guidance = 2,
      .guidance_high = 0.8,
      .threshold = 0.95},
     {.seed = 23, .first_sample = 3, .context = mixture, .avoid = contexts, .init = images, .mask = mask, .x_init = noise}},
    {"one step", {.steps = 1}, {.seed = 24}},
};

static mote_sampler *make(const option *option, bool recorded) {
  mote_error error = {0};
  mote_sampler *sampler;
  mote_sampler_desc desc = option->desc;
  desc.model = model;
  desc.batch = BATCH;
  desc.recorded = recorded;
  if (!desc.steps) desc.steps = STEPS;
  MUST(mote_sampler_create(&desc, &sampler, &error));
  return sampler;
}

static void run(const option *option, float *out, uint8_t *pixels) {
  mote_error error = {0};
  mote_sampler *sampler = make(option, false);
  MUST(mote_sampler_begin(sampler, &option->request, &error));
  MUST(mote_sampler_run(sampler, mote_sampler_step_count(sampler), &error));
  MUST(mote_sampler_read(sampler, out, &error));
  MUST(mote_sampler_read_pixels(sampler, pixels, &error));
  mote_sampler_destroy(&sampler);
}

// RGBA, the host's.
static void record(const option *option, float *out, uint8_t *pixels) {
  mote_error error = {0};
  mote_sampler *sampler = make(option, true);
  host_buffer buffer = host_buffer_make(&the_host, BATCH * PIXELS * 4);
  mote_recorded last = {.steps_left = 1};
  int count = mote_sampler_step_count(sampler), done = 0;
  for (int frame = 0; last.steps_left; frame++) {
    host_begin(&the_host);
    if (frame == 0) MUST(mote_sampler_record_begin(sampler, the_host.commands, &option->request, &error));
    MUST(mote_sampler_record(sampler, the_host.commands, budget > 0 ? 0 : PORTION, budget, &last, &error));
    done += last.steps;
    if (last.steps_left != count - done)
      fail_msg("%s: found %d steps left, expected %d of %d", option->name, last.steps_left, count - done, count);
    if (!last.steps_left) MUST(mote_sampler_record_buffer(sampler, the_host.commands, buffer.handle, 0, &error));
    host_submit(&the_host);
  }
  assert_int_equal(mote_sampler_steps_done(sampler), count);
  MUST(mote_sampler_read(sampler, out, &error));
  memcpy(pixels, buffer.bytes, BATCH * PIXELS * 4);
  if (kept) assert_int_equal(fwrite(pixels, 4, BATCH * PIXELS, kept), BATCH * PIXELS);
  host_buffer_free(&the_host, &buffer);
  mote_sampler_destroy(&sampler);
}

// `plain` is what the first option makes.
static void compare(const option *option, const float *plain) {
  float expected[BATCH * IMAGE], found[BATCH * IMAGE];
  uint8_t rgb[BATCH * IMAGE], rgba[BATCH * PIXELS * 4];
  run(option, expected, rgb);
  record(option, found, rgba);
  if (memcmp(found, expected, sizeof expected)) fail_msg("%s: the recorded form differs", option->name);
  for (int pixel = 0; pixel < BATCH * PIXELS; pixel++) assert_memory_equal(rgba + pixel * 4, rgb + pixel * 3, 3);
  if (option != options && !memcmp(expected, plain, sizeof expected)) fail_msg("%s: changes nothing", option->name);
}

static void every_option_gives_the_same_bytes_recorded(void **state) {
  (void)state;
  float plain[BATCH * IMAGE];
  uint8_t rgb[BATCH * IMAGE];
  run(&options[0], plain, rgb);
  for (size_t i = 0; i < COUNT(options); i++) compare(&options[i], plain);
}

// Of averaged weights, and with as many steps a frame as a budget of time allows.
static void a_unet2d_gives_the_same_bytes_recorded_under_a_budget(void **state) {
  (void)state;
  static const char *const names[] = {"defaults", "x_init, as of an interpolation", "guidance away from a context",
                                      "inpainting, resampled, everything else"};
  static uint8_t squares[BATCH * IMAGE];
  for (int i = 0; i < BATCH * IMAGE; i++) squares[i] = (uint8_t)(i * 37);
  mote_error error = {0};
  mote_trainer *trainer;
  const mote_trainer_desc desc = {.device = device,
                                  .model = {.architecture = "unet2d",
                                            .settings = "block_out_channels=8,8;down_block_types=DownBlock2D,AttnDownBlock2D;"
                                                        "up_block_types=AttnUpBlock2D,UpBlock2D;layers_per_block=1",
                                            .channels = 3, .height = HEIGHT, .n_cfeat = CONTEXT, .prediction = MOTE_PREDICT_V},
                                  .data = {BATCH, squares, contexts},
                                  .batch = BATCH,
                                  .lr_schedule = MOTE_LR_CONSTANT};
  MUST(mote_trainer_create(&desc, &trainer, &error));
  MUST(mote_trainer_run(trainer, 2, NULL, &error));
  mote_model *before = model;
  FILE *kept_before = kept;
  MUST(mote_trainer_get_model(trainer, &model, &error));
  kept = NULL;
  budget = 1;
  float plain[BATCH * IMAGE];
  uint8_t rgb[BATCH * IMAGE];
  size_t compared = 0;
  run(&options[0], plain, rgb);
  for (size_t i = 0; i < COUNT(options); i++)
    for (size_t k = 0; k < COUNT(names); k++)
      if (!strcmp(options[i].name, names[k])) compare(&options[i], plain), compared++;
  assert_int_equal(compared, COUNT(names));
  budget = MOTE_NO_BUDGET;
  kept = kept_before;
  model = before;
  mote_trainer_destroy(&trainer);
}

// A model that says these of itself.
static mote_model *say(const char *context_drop, const char *steps) {
  mote_error error = {0};
  mote_model *made;
  weights *w = weights_make(&SMALL_MODEL);
  if (context_drop) weights_set(w, "context_drop", context_drop);
  if (steps) weights_set(w, "steps", steps);
  MUST(weights_load(w, device, &made, &error));
  weights_free(&w);
  return made;
}

static void guidance_is_the_models_unless_told(void **state) {
  (void)state;
  mote_model *plain = model, *distilled = say("0.1", "4"), *dropped = say("0.1", NULL);
  assert_true(mote_model_get_info(plain)->recommended_guidance == 1);
  assert_true(mote_model_get_info(distilled)->recommended_guidance == 1);
  assert_true(mote_model_get_info(dropped)->recommended_guidance == 2);
  static float found[5][BATCH * IMAGE];
  uint8_t rgb[BATCH * IMAGE];
  model = dropped;
  for (int i = 0; i < 3; i++)
    run(&(option){"guidance", {.guidance = i}, {.seed = 3, .context = contexts}}, found[i], rgb);
  assert_memory_equal(found[0], found[2], sizeof found[0]);
  assert_memory_not_equal(found[0], found[1], sizeof found[0]);
  // Without contexts there is nothing to lead towards.
  for (int i = 0; i < 2; i++) run(&(option){"no contexts", {.guidance = i}, {.seed = 3}}, found[3 + i], rgb);
  assert_memory_equal(found[3], found[4], sizeof found[3]);
  model = plain;
  mote_model_destroy(&distilled);
  mote_model_destroy(&dropped);
}

// ---------------------------------------------------------------------------------------------------------------------
// Images that are not square

enum { WIDE = 6, LOW = 4, WIDE_IMAGE = WIDE * LOW * 3, SCALE = 2, ATLAS = 24 };

// Random weights, which are the same on every device.
static mote_trainer *wide_model(mote_device *on, mote_model **out) {
  static const uint8_t pixels[WIDE_IMAGE];
  mote_error error = {0};
  mote_trainer *owner;
  const mote_trainer_desc desc = {
      .device = on,
      .model = {.architecture = "unet2d", .channels = 3, .height = LOW, .width = WIDE, .settings = "block_out_channels=8;"
                "layers_per_block=1;down_block_types=DownBlock2D;up_block_types=UpBlock2D;add_attention=false;norm_num_groups=4"},
      .data = {1, pixels, NULL},
      .batch = 1,
      .lr_schedule = MOTE_LR_CONSTANT};
  MUST(mote_trainer_create(&desc, &owner, &error));
  MUST(mote_trainer_get_model(owner, out, &error));
  return owner;
}

static void sample_wide(uint8_t *pixels) {
  mote_error error = {0};
  mote_device *own = test_device((mote_device_desc){0});
  mote_model *wide;
  mote_trainer *owner = wide_model(own, &wide);
  mote_sampler *sampler;
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = wide, .batch = BATCH, .steps = STEPS}, &sampler, &error));
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 5}, &error));
  MUST(mote_sampler_run(sampler, STEPS, &error));
  MUST(mote_sampler_read_pixels(sampler, pixels, &error));
  mote_sampler_destroy(&sampler);
  mote_trainer_destroy(&owner);
  test_device_end(&own);
}

// An enlarged image of `rgba`, whose rows have `row` pixels, against the library's.
static void assert_wide(const uint8_t *rgba, int row, const uint8_t *rgb) {
  for (int y = 0; y < LOW * SCALE; y++)
    for (int x = 0; x < WIDE * SCALE; x++)
      assert_memory_equal(rgba + (y * row + x) * 4, rgb + (y / SCALE * WIDE + x / SCALE) * 3, 3);
}

static void images_that_are_not_square_lie_where_they_should(void **state) {
  (void)state;
  mote_error error = {0};
  uint8_t expected[BATCH * WIDE_IMAGE];
  sample_wide(expected);
  mote_model *wide;
  mote_trainer *owner = wide_model(device, &wide);
  mote_sampler *sampler;
  const mote_sampler_desc desc = {.model = wide, .batch = BATCH, .steps = STEPS, .recorded = true, .pixel_scale = SCALE};
  MUST(mote_sampler_create(&desc, &sampler, &error));
  host_image image = host_image_make(&the_host, VK_FORMAT_R8G8B8A8_UNORM, ATLAS, 1);
  host_buffer atlas = host_buffer_make(&the_host, ATLAS * ATLAS * 4);
  host_buffer buffer = host_buffer_make(&the_host, BATCH * WIDE * LOW * SCALE * SCALE * 4);
  // In the corner: a sprite as wide as it is high would not lie within.
  const mote_image_region regions[] = {{.sample = 1, .x = ATLAS - WIDE * SCALE, .y = ATLAS - LOW * SCALE}, {.sample = 0, .x = 1, .y = 2}};
  mote_image_output output = {.image = image.handle,
                              .format = VK_FORMAT_R8G8B8A8_UNORM,
                              .width = ATLAS,
                              .height = ATLAS,
                              .new_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                              .regions = regions,
                              .region_count = 2};
  host_begin(&the_host);
  MUST(mote_sampler_record_begin(sampler, the_host.commands, &(mote_sampler_request){.seed = 5}, &error));
  MUST(mote_sampler_record(sampler, the_host.commands, 0, MOTE_NO_BUDGET, &(mote_recorded){0}, &error));
  MUST(mote_sampler_record_buffer(sampler, the_host.commands, buffer.handle, 0, &error));
  MUST(mote_sampler_record_image(sampler, the_host.commands, &output, &error));
  host_image_copy(&the_host, &image, &atlas);
  host_submit(&the_host);
  for (int i = 0; i < BATCH; i++)
    assert_wide(buffer.bytes + i * WIDE * LOW * SCALE * SCALE * 4, WIDE * SCALE, expected + i * WIDE_IMAGE);
  for (int i = 0; i < 2; i++)
    assert_wide(atlas.bytes + (regions[i].y * ATLAS + regions[i].x) * 4, ATLAS, expected + regions[i].sample * WIDE_IMAGE);
  mote_sampler_destroy(&sampler);
  host_buffer_free(&the_host, &buffer);
  host_buffer_free(&the_host, &atlas);
  host_image_free(&the_host, &image);
  mote_trainer_destroy(&owner);
}

int main(int argc, char **argv) {
  if (argc > 1 && !(kept = fopen(argv[1], "wb"))) return perror(argv[1]), 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_option_gives_the_same_bytes_recorded),
                                     cmocka_unit_test(a_unet2d_gives_the_same_bytes_recorded_under_a_budget),
                                     cmocka_unit_test(guidance_is_the_models_unless_told),
                                     cmocka_unit_test(images_that_are_not_square_lie_where_they_should)};
  int failed = cmocka_run_group_tests(tests, open_all, close_all);
  return failed || (kept && fclose(kept));
}

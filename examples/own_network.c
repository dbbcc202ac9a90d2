// own_network.c: a network that mote does not know: built from ops and layers, trained with the trainer, sampled and saved.
//
//     own_network OUT.safetensors OUT.pgm [STEPS]    is built with mote's tests: headers of ops and networks are not installed
#include <stdio.h>
#include <stdlib.h>

#include "graph/nets/layers.h"
#include "graph/nets/model.h"
#include "graph/nets/settings.h"
#include "graph/ops/ops.h"

enum { SIDE = 16, IMAGES = 256, AREA = SIDE * SIDE, SHOWN = 8 };

static const network_setting settings[] = {
    {SETTING_CHANNELS}, {SETTING_HEIGHT}, {SETTING_WIDTH}, {SETTING_CONTEXT},
    {.name = "widths", .type = VALUE_INT, .most = 8, .low = 8, .high = 128, .multiple = 8, .usual = "16,16,16"},
    {0},
};

// Convolutions, after each of them scale(context) · x + shift(t/T) and GELU.
static network_outputs build(graph *graph, const mote_model_info *info, const network_inputs *in) {
  const setting_value widths = setting_of(info, "widths");
  tensor *x = in->x;
  for (int i = 0; i < widths.count; i++) {
    const int width = (int)widths.numbers[i];
    char name[16];
    snprintf(name, sizeof name, "layers.%d", i);
    graph_push(graph, name);
    const stage stage = graph->stage;
    if (in->step) graph->stage = STAGE_ONCE;  // of all steps at once, when a run begins
    tensor *scale = linear_layer(graph, "context.", in->context, width);
    tensor *shift = linear_layer(graph, "time.", in->time, width);
    graph->stage = stage;
    x = group_norm_layer(graph, "norm.", square_conv(graph, "conv.", x, width, 3));
    x = gelu(graph, scale_shift(graph, x, scale, shift, in->step));
    graph_pop(graph);
  }
  return (network_outputs){.y = square_conv(graph, "last.", x, info->channels, 3)};
}

static const network shapes_network = {.name = "shapes", .settings = settings, .build = build};

// Grey discs and squares of any size and place, and which they are.
static void draw(uint8_t *pixels, float *contexts) {
  for (int n = 0; n < IMAGES; n++) {
    const int square = n % 2, radius = 2 + n / 2 % 4, x0 = 5 + n * 7 % 6, y0 = 5 + n * 11 % 6;
    contexts[2 * n + square] = 1;
    for (int i = 0; i < AREA; i++) {
      const int x = abs(i % SIDE - x0), y = abs(i / SIDE - y0);
      pixels[n * AREA + i] = (square ? x <= radius && y <= radius : x * x + y * y <= radius * radius) ? 255 : 0;
    }
  }
}

static mote_status sample(mote_model *model, uint8_t *pixels, mote_error *error) {
  float contexts[SHOWN][2];
  for (int i = 0; i < SHOWN; i++) contexts[i][0] = 1 - (contexts[i][1] = (float)(i % 2));
  mote_sampler *sampler = NULL;
  mote_status status = mote_sampler_create(&(mote_sampler_desc){.model = model, .batch = SHOWN}, &sampler, error);
  if (!status) status = mote_sampler_begin(sampler, &(mote_sampler_request){.context = contexts[0]}, error);
  if (!status) status = mote_sampler_run(sampler, mote_sampler_step_count(sampler), error);
  if (!status) status = mote_sampler_read_pixels(sampler, pixels, error);
  mote_sampler_destroy(&sampler);
  return status;
}

static mote_status run(mote_device *device, char **words, int steps, mote_error *error) {
  static uint8_t pixels[IMAGES * AREA];
  static float contexts[IMAGES * 2], losses[1024];
  draw(pixels, contexts);
  mote_trainer_desc desc = {.device = device, .data = {IMAGES, pixels, contexts}, .total_steps = (uint64_t)steps, .batch = 32};
  desc.model = (mote_model_info){.network = &shapes_network, .channels = 1, .height = SIDE, .n_cfeat = 2,
                                 .schedule = MOTE_SCHEDULE_COSINE, .prediction = MOTE_PREDICT_V, .settings = "widths=24,24,24"};
  mote_trainer *trainer;
  mote_model *model = NULL;
  TRY(mote_trainer_create(&desc, &trainer, error));
  mote_status status = mote_trainer_run(trainer, steps, losses, error);
  if (!status) printf("loss %.4f at first, %.4f after %d steps\n", (double)losses[0], (double)losses[steps - 1], steps);
  if (!status) status = mote_trainer_save_weights(trainer, words[1], false, error);
  if (!status) status = model_load_own(device, words[1], &shapes_network, &model, error);  // as another program would
  if (!status) status = sample(model, pixels, error);
  FILE *file = status ? NULL : fopen(words[2], "wb");
  if (file) fprintf(file, "P5 %d %d 255\n", SIDE, SIDE * SHOWN);
  if (!status && (!file || fwrite(pixels, AREA, SHOWN, file) != SHOWN || fclose(file)))
    status = fail(error, MOTE_ERROR_FILE, "%s: could not be written", words[2]);
  mote_model_destroy(&model);
  mote_trainer_destroy(&trainer);
  return status;
}

int main(int count, char **words) {
  const int steps = count > 3 ? atoi(words[3]) : 500;
  mote_error error = {0};
  mote_device *device = NULL;
  if (count < 3 || steps < 1 || steps > 1024) return fprintf(stderr, "Usage: own_network OUT.safetensors OUT.pgm [STEPS]\n"), 2;
  if (mote_device_create(NULL, &device, &error) || run(device, words, steps, &error)) fprintf(stderr, "%s\n", error.message);
  mote_device_destroy(&device);
  return error.status != MOTE_OK;
}

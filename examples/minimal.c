// minimal.c: the smallest embedding: a device of its own, one sprite, a PNG.
//
//     minimal MODEL.safetensors sprite.png [SEED]
#include <mote.h>
#include <stdio.h>
#include <stdlib.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

static void print(void *user, const char *message) {
  (void)user;
  fprintf(stderr, "mote: %s\n", message);
}

// Samples one sprite; the caller frees what is returned, NULL on failure.
static uint8_t *sample(mote_model *model, uint64_t seed, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  uint8_t *pixels = malloc((size_t)(info->height * info->width * info->channels));
  mote_sampler *sampler = NULL;
  mote_status status = mote_sampler_create(&(mote_sampler_desc){.model = model}, &sampler, error);
  if (!status) status = mote_sampler_begin(sampler, &(mote_sampler_request){.seed = seed}, error);
  if (!status) status = mote_sampler_run(sampler, mote_sampler_step_count(sampler), error);
  if (!status && pixels) status = mote_sampler_read_pixels(sampler, pixels, error);
  mote_sampler_destroy(&sampler);
  if (!status) return pixels;
  free(pixels);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "Usage: minimal MODEL.safetensors sprite.png [SEED]\n");
    return 2;
  }
  mote_error error = {0};
  mote_device *device = NULL;
  mote_model *model = NULL;
  uint8_t *pixels = NULL;
  int written = 0;
  if (!mote_device_create(&(mote_device_desc){.log = print}, &device, &error) &&
      !mote_model_load_file(device, argv[1], &model, &error) &&
      (pixels = sample(model, argc > 3 ? strtoull(argv[3], NULL, 10) : 0, &error)) != NULL) {
    const mote_model_info *info = mote_model_get_info(model);
    written = stbi_write_png(argv[2], info->width, info->height, info->channels, pixels, info->width * info->channels);
    if (!written) snprintf(error.message, sizeof error.message, "%s: could not be written", argv[2]);
  }
  if (!written) fprintf(stderr, "minimal: %s\n", error.message);
  free(pixels);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return written ? 0 : 1;
}

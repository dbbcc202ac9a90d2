// fuzz_image.c: whatever the bytes, decoding fails with a message or gives an image of the size that it says.
#include <stdlib.h>
#include <string.h>

#include "tools/images/image_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  mote_error error = {0};
  image picture;
  int channels = 0;
  uint8_t *copy = malloc(bytes + !bytes);
  check(copy != NULL);
  if (bytes) memcpy(copy, data, bytes);
  mote_status status = image_decode("fuzz", copy, bytes, &picture, &channels, &error);
  free(copy);
  check(status == error.status && !status == !error.message[0] && !strstr(error.message, "(null)"));
  check(!status == (picture.pixels != NULL));
  if (status) return 0;
  check(channels >= 1 && channels <= 4 && picture.channels == 4 && picture.width > 0 && picture.height > 0);
  uint8_t sum = 0;
  for (size_t i = 0; i < (size_t)picture.width * (size_t)picture.height * 4; i++) sum ^= picture.pixels[i];
  check(sum < 256);
  image_finish(&picture);
  return 0;
}

// fuzz_class_map.c: whatever the text, a class map fails with a message or gives every tile that is taken one of its classes.
#include <stdlib.h>
#include <string.h>

#include "runtime/text.h"
#include "tools/data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

// A copy of the PNG of 4 × 6 tiles, all different, since reading may change the bytes.
static uint8_t *copy_sheet(size_t *bytes) {
  static uint8_t *png;
  static size_t png_bytes;
  uint8_t pixels[16 * 24];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7 + i / 16 + 1);
  const image sheet = {.width = 16, .height = 24, .channels = 1, .pixels = pixels};
  if (!png) check(!image_encode_png(&sheet, &png, &png_bytes, NULL));
  uint8_t *copy = malloc(png_bytes);
  check(copy != NULL);
  memcpy(copy, png, png_bytes);
  *bytes = png_bytes;
  return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  size_t png_bytes = 0;
  uint8_t *png = copy_sheet(&png_bytes);
  char *map = malloc(bytes + 2);
  check(map != NULL);
  memcpy(map, "#", 1);  // names no file
  if (bytes) memcpy(map + 1, data, bytes);
  map[bytes + 1] = 0;
  if (bytes) map[1] = '\n';
  mote_error error = {0};
  dataset set = {0};
  const dataset_desc desc = {.path = "fuzz", .tile = {4, 4}, .classes = map};
  dataset_builder builder = {.desc = &desc, .set = &set};
  mote_status status = dataset_read_sheet(&builder, "fuzz", png, png_bytes, &error);
  check(status == error.status && !status == !error.message[0]);
  check(set.class_count <= MOTE_MAX_LABELS && text_is_clean(error.message, strlen(error.message)));
  for (uint32_t i = 0; i < set.count; i++) check(set.labels[i] >= 0 && set.labels[i] < set.class_count);
  for (int i = 0; i < set.class_count; i++) check(!text_label_fault(set.classes[i], strlen(set.classes[i])));
  for (int i = 0; i < set.class_count && !status; i++) check(dataset_class_size(&set, i) > 0);
  dataset_finish(&set);
  free(map);
  free(png);
  return 0;
}

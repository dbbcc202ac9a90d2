// sprite_sheet.c: says where each image of a grid lies, in the JSON that game tools read.
#include "tools/images/sprite_sheet.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/images/image.h"
#include "tools/json.h"

#define DURATION 100  // milliseconds, Aseprite's default

static const char *label_of(const sprite_sheet_desc *d, int i) {
  return d->label ? d->label(d->user, d->first + (uint64_t)i) : NULL;
}

static bool same_label(const sprite_sheet_desc *d, int i, int j) {
  const char *a = label_of(d, i), *b = label_of(d, j);
  return a && b && !strcmp(a, b);
}

// The images in the order of the frames: those of one label together, so that one tag holds them, labels as they first come.
static void order_frames(const sprite_sheet_desc *d, int *order, bool *placed) {
  int count = 0;
  for (int i = 0; i < d->count; i++) {
    if (placed[i]) continue;
    order[count++] = i;
    for (int j = i + 1; j < d->count && !d->to_and_fro && label_of(d, i); j++)
      if (!placed[j] && (placed[j] = same_label(d, i, j))) order[count++] = j;
  }
}

static void add_rectangle(cJSON *object, const char *name, int x, int y, int width, int height) {
  cJSON *rectangle = cJSON_AddObjectToObject(object, name);
  cJSON_AddNumberToObject(rectangle, "x", x);
  cJSON_AddNumberToObject(rectangle, "y", y);
  cJSON_AddNumberToObject(rectangle, "w", width);
  cJSON_AddNumberToObject(rectangle, "h", height);
}

static void add_size(cJSON *object, const char *name, int width, int height) {
  cJSON *size = cJSON_AddObjectToObject(object, name);
  cJSON_AddNumberToObject(size, "w", width);
  cJSON_AddNumberToObject(size, "h", height);
}

// Image `i`, as an entry of an array, or of a hash under its name.
static void add_frame(cJSON *frames, const sprite_sheet_desc *d, int i) {
  cJSON *frame = cJSON_CreateObject();
  char name[64];
  snprintf(name, sizeof name, "%04" PRIu64 ".png", d->first + (uint64_t)i);
  if (d->hash)
    cJSON_AddItemToObject(frames, name, frame);
  else
    cJSON_AddItemToArray(frames, frame);
  if (!d->hash) cJSON_AddStringToObject(frame, "filename", name);
  const int width = d->size.width, height = d->size.height;
  add_rectangle(frame, "frame", i % d->columns * width, i / d->columns * height, width, height);
  cJSON_AddBoolToObject(frame, "rotated", false);
  cJSON_AddBoolToObject(frame, "trimmed", false);
  add_rectangle(frame, "spriteSourceSize", 0, 0, width, height);
  add_size(frame, "sourceSize", width, height);
  cJSON_AddNumberToObject(frame, "duration", DURATION);
  if (label_of(d, i)) cJSON_AddStringToObject(frame, "label", label_of(d, i));
}

static void add_tag(cJSON *tags, const char *name, int from, int to, const char *direction) {
  cJSON *tag = cJSON_CreateObject();
  cJSON_AddStringToObject(tag, "name", name);
  cJSON_AddNumberToObject(tag, "from", from);
  cJSON_AddNumberToObject(tag, "to", to);
  cJSON_AddStringToObject(tag, "direction", direction);
  cJSON_AddItemToArray(tags, tag);
}

static void add_tags(cJSON *meta, const sprite_sheet_desc *d, const int *order) {
  cJSON *tags = cJSON_AddArrayToObject(meta, "frameTags");
  if (d->to_and_fro) add_tag(tags, "all", 0, d->count - 1, "pingpong");
  for (int from = 0; from < d->count;) {
    int to = from;
    while (to + 1 < d->count && same_label(d, order[from], order[to + 1])) to++;
    const char *label = label_of(d, order[from]);
    if (label && !(d->to_and_fro && to == from)) add_tag(tags, label, from, to, "forward");
    from = to + 1;
  }
}

static void add_meta(cJSON *sheet, const sprite_sheet_desc *d, const int *order) {
  const char *slash = strrchr(d->image, '/');
  int rows = (d->count + d->columns - 1) / d->columns;
  cJSON *meta = cJSON_AddObjectToObject(sheet, "meta");
  cJSON_AddStringToObject(meta, "app", "mote");
  cJSON_AddStringToObject(meta, "version", MOTE_VERSION);
  cJSON_AddStringToObject(meta, "image", slash ? slash + 1 : d->image);
  cJSON_AddStringToObject(meta, "format", d->size.channels % 2 ? "RGB888" : "RGBA8888");
  add_size(meta, "size", d->columns * d->size.width, rows * d->size.height);
  cJSON_AddStringToObject(meta, "scale", "1");
  add_tags(meta, d, order);
}

static char *sheet_text(const sprite_sheet_desc *d, const int *order) {
  cJSON *sheet = cJSON_CreateObject();
  cJSON *frames = d->hash ? cJSON_AddObjectToObject(sheet, "frames") : cJSON_AddArrayToObject(sheet, "frames");
  for (int i = 0; i < d->count; i++) add_frame(frames, d, order[i]);
  add_meta(sheet, d, order);
  char *text = json_to_text(sheet, true);
  cJSON_Delete(sheet);
  return text;
}

mote_status sprite_sheet_write(const sprite_sheet_desc *d, file_writer *writer, mote_error *error) {
  int *order = malloc((size_t)d->count * sizeof *order);
  bool *placed = calloc((size_t)d->count, sizeof *placed);
  if (order && placed) order_frames(d, order, placed);
  char *text = order && placed ? sheet_text(d, order) : NULL;
  free(order);
  free(placed);
  if (!text) return fail(error, MOTE_ERROR_MEMORY, "--sheet: no memory for the places of %d images", d->count);
  mote_status status = file_writer_write(writer, text, strlen(text), error);
  if (!status) status = file_writer_write(writer, "\n", 1, error);
  free(text);
  TRY(status);
  return writer_flush(writer, error);
}

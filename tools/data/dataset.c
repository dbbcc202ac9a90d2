// dataset.c: the images to train on: what all sources share, and the split into training and held-out images.
#include "tools/data/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/ir/philox.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/hash.h"
#include "runtime/list.h"
#include "runtime/text.h"
#include "shaders/streams.h"
#include "tools/images/image_fit.h"
#include "tools/images/image_read.h"
#include "tools/say.h"

#define FILE_MAX_BYTES ((size_t)1 << 34)
#define PAD_MAX_SIDE 8192

// The default sheet stands for itself, under its name or its path; tile size and classes are known.
static mote_status choose_default(dataset_desc *desc, dataset *set, mote_error *error) {
  struct stat found;
  if (desc->path && strcmp(desc->path, DATASET_DEFAULT_NAME) && strcmp(desc->path, DATASET_DEFAULT_PATH))
    return MOTE_OK;
  if (desc->path && !strcmp(desc->path, DATASET_DEFAULT_NAME) && !stat(DATASET_DEFAULT_NAME, &found))
    return MOTE_OK;  // a folder of that name
  if (stat(DATASET_DEFAULT_PATH, &found))
    return fail(error, MOTE_ERROR_FILE,
                "no DATA named, and the default sheet %s is not there: install Debian's package angband-data, or name "
                "a folder of PNGs, a sprite sheet or a .npy file",
                DATASET_DEFAULT_PATH);
  desc->path = DATASET_DEFAULT_PATH;
  if (desc->tile[0] || desc->classes) return MOTE_OK;
  desc->tile[0] = desc->tile[1] = 16;
  // Terrain, effects and masks are left out.
  desc->classes = "hero=18-28; monster=29-45,48-52,55-58; item=4,5,14:0-27; equipment=6-12,13:0-19,53; spell=15-17";
  snprintf(set->source, sizeof set->source, "Debian's angband-data, 16x16.png (Adam Bolt, public domain)");
  return MOTE_OK;
}

// The last part of the path, trailing slashes aside.
static void name_source(const char *path, dataset *set) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') end--;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/') begin--;
  snprintf(set->source, sizeof set->source, "%.*s", (int)(end - begin < 255 ? end - begin : 255), path + begin);
}

static mote_status check_option(const char *option, bool given, bool fits, const dataset_desc *desc, const char *what,
                                mote_error *error) {
  if (!given || fits) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: is for %s, found %s", option, what, desc->path);
}

static mote_status check_options(const dataset_desc *desc, bool sheet, bool array, bool archive, mote_error *error) {
  TRY(check_option("--tile", desc->tile[0], sheet, desc, "a sprite sheet", error));
  TRY(check_option("--spacing", desc->spacing[0] || desc->spacing[1], sheet, desc, "a sprite sheet", error));
  TRY(check_option("--margin", desc->margin[0] || desc->margin[1], sheet, desc, "a sprite sheet", error));
  TRY(check_option("--classes", desc->classes, sheet, desc, "a sprite sheet", error));
  TRY(check_option("--labels", desc->labels, array, desc, "a .npy file", error));
  TRY(check_option("--arrays", desc->arrays, archive, desc, "a .npz file", error));
  TRY(check_option("--contexts", desc->contexts, array, desc, "a .npy file", error));
  TRY(check_option("--attributes", desc->attributes, !sheet && !array, desc, "a folder with metadata.csv", error));
  return check_option("--range", desc->range, array, desc, "a .npy or .npz file", error);
}

// A sheet or an array, told by what it holds and not by its name.
static mote_status read_file(dataset_builder *builder, const char *path, mote_error *error) {
  uint8_t *bytes = NULL;
  size_t count = 0;
  TRY(file_read(path, FILE_MAX_BYTES, &bytes, &count, error));
  const file_kind *kind = file_kind_of(bytes, count);
  const bool archive = kind && !strcmp(kind->format, "npz"), sheet = image_kind_is_read(kind);
  const bool array = archive || (kind && !strcmp(kind->format, "npy"));
  mote_status status;
  if (!array && !sheet && !kind)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: is nothing that can be trained on, expected " DATASET_EXPECTED, path);
  else if (!array && !sheet)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: is %s, expected " DATASET_EXPECTED "; %s", path, kind->what, kind->cure);
  else
    status = check_options(builder->desc, sheet, array, archive, error);
  if (!status && archive) status = dataset_read_npz(builder, path, bytes, count, error);
  if (!status && array && !archive) status = dataset_read_npy(builder, path, bytes, count, error);
  if (!status && sheet) status = dataset_read_sheet(builder, path, bytes, count, error);
  free(bytes);
  return status;
}

mote_status dataset_init(dataset *set, const dataset_desc *desc, mote_error *error) {
  *set = (dataset){0};
  dataset_desc completed = *desc;
  dataset_builder builder = {.desc = &completed, .set = set};
  struct stat found;
  TRY(choose_default(&completed, set, error));
  const char *path = completed.path;
  if ((desc->crop[0] == DATASET_SHAPE || desc->pad[0] == DATASET_SHAPE) && !desc->size[0])
    return fail(error, MOTE_ERROR_USAGE, "%s: found shape without --size, whose shape it is", desc->crop[0] ? "--crop" : "--pad");
  if (stat(path, &found)) return fail(error, MOTE_ERROR_FILE, "%s: cannot be opened: %s", path, strerror(errno));
  if (!set->source[0]) name_source(path, set);
  mote_status status = S_ISDIR(found.st_mode) ? check_options(&completed, false, false, false, error) : MOTE_OK;
  if (!status)
    status = S_ISDIR(found.st_mode) ? dataset_read_folder(&builder, path, error) : read_file(&builder, path, error);
  if (!status) status = dataset_complete(&builder, error);
  if (status) dataset_finish(set);
  return status;
}

void dataset_finish(dataset *set) {
  free(set->pixels);
  free(set->labels);
  free(set->contexts);
  *set = (dataset){0};
}

// ---------------------------------------------------------------------------------------------------------------------
// Building

static mote_status make_room(dataset_builder *b, const char *name, mote_error *error) {
  dataset *set = b->set;
  size_t image_bytes = image_values(b->size);
  if (set->count * image_bytes >= DATASET_MAX_BYTES)
    return fail(error, MOTE_ERROR_MEMORY, "%s: image %u; expected less than %zu MiB of pixels in all", name,
                (unsigned)set->count, DATASET_MAX_BYTES >> 20);
  if (list_make_room(&set->pixels, set->count, image_bytes) && LIST_ROOM(set->labels, set->count)) return MOTE_OK;
  return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for image %u", name, (unsigned)set->count);
}

static mote_status check_size(dataset_builder *b, const image *image, const char *name, mote_error *error) {
  const image_size first = b->size;
  if (!first.width || (image->width == first.width && image->height == first.height)) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT,
              "%s: is %d x %d pixels, expected %d x %d as %s is; --pad WxH, --crop WxH or --size WxH makes every image W x H", name,
              image->width, image->height, first.width, first.height, b->first_name);
}

// Pixels across and down.
typedef struct extent {
  int width, height;
} extent;

static int scaled(int side, int by, int of) {
  const int64_t rounded = ((int64_t)side * by + of / 2) / of;
  return rounded < 1 ? 1 : rounded < INT32_MAX ? (int)rounded : INT32_MAX;
}

// What --crop or --pad asks for, of a shape: the largest that lies in the picture, or the smallest that `holds` it.
static extent extent_of(const dataset_desc *desc, const int asked[2], const image *picture, bool holds) {
  if (asked[0] > 0) return (extent){asked[0], asked[1]};
  const int across = asked[0] == DATASET_SHAPE ? desc->size[0] : 1, down = asked[0] == DATASET_SHAPE ? desc->size[1] : 1;
  const int height = scaled(picture->width, down, across);
  if (holds ? height >= picture->height : height <= picture->height) return (extent){picture->width, height};
  return (extent){scaled(picture->height, across, down), picture->height};
}

// One step of fit(): `taken` becomes what it was, or the picture where it is nothing yet, in another size.
static mote_status change_size(const image *picture, int width, int height,
                               mote_status (*change)(const image *, int, int, image *, mote_error *), image *taken,
                               mote_error *error) {
  const image *old = taken->pixels ? taken : picture;
  image changed;
  if (old->width == width && old->height == height) return MOTE_OK;
  TRY(change(old, width, height, &changed, error));
  image_finish(taken);
  *taken = changed;
  return MOTE_OK;
}

static mote_status pad(const dataset_desc *desc, const image *picture, const char *name, image *taken, mote_error *error) {
  const image *old = taken->pixels ? taken : picture;
  const extent to = extent_of(desc, desc->pad, old, true);
  if (old->width > to.width || old->height > to.height)
    return fail(error, MOTE_ERROR_FORMAT, "%s: is %d x %d pixels, more than --pad %dx%d fills up to; --crop %dx%d cuts it", name,
                old->width, old->height, to.width, to.height, to.width, to.height);
  if (to.width > PAD_MAX_SIDE || to.height > PAD_MAX_SIDE)
    return fail(error, MOTE_ERROR_FORMAT, "%s: is %d x %d pixels, and --pad fills up to %d a side at most", name, old->width,
                old->height, PAD_MAX_SIDE);
  return change_size(picture, to.width, to.height, image_reframe, taken, error);
}

// What --crop, --pad and --size make of the picture, in this order, in `taken`; nothing there when it stays as it is.
static mote_status fit(const dataset_desc *desc, const image *picture, const char *name, image *taken, mote_error *error) {
  mote_status status = MOTE_OK;
  *taken = (image){0};
  if (desc->crop[0]) {
    const extent to = extent_of(desc, desc->crop, picture, false);
    status = change_size(picture, picture->width < to.width ? picture->width : to.width,
                         picture->height < to.height ? picture->height : to.height, image_reframe, taken, error);
  }
  if (!status && desc->pad[0]) status = pad(desc, picture, name, taken, error);
  if (!status && desc->size[0]) status = change_size(picture, desc->size[0], desc->size[1], image_resize, taken, error);
  if (status) image_finish(taken);
  return status;
}

mote_status dataset_append(dataset_builder *b, const image *picture, int file_channels, int label, const char *name,
                           mote_error *error) {
  dataset *set = b->set;
  image fitted = {0};
  const image *taken = picture;
  TRY(fit(b->desc, picture, name, &fitted, error));
  if (fitted.pixels) taken = &fitted;
  mote_status status = check_size(b, taken, name, error);
  if (!status && !b->size.width) {
    b->size = (image_size){taken->width, taken->height, 4};
    snprintf(b->first_name, sizeof b->first_name, "%s", name);
  }
  if (!status) status = make_room(b, name, error);
  if (!status) {
    size_t bytes = image_values(b->size);
    const size_t area = (size_t)picture->width * (size_t)picture->height;  // what was filled up does not count
    for (size_t i = 0; i < area && !b->transparent; i++) b->transparent = picture->pixels[4 * i + 3] != 255;
    memcpy(set->pixels + set->count * bytes, taken->pixels, bytes);
    set->labels[set->count++] = label;
    if (file_channels > b->file_channels) b->file_channels = file_channels;
  }
  image_finish(&fitted);
  return status;
}

mote_status dataset_complete(dataset_builder *b, mote_error *error) {
  dataset *set = b->set;
  const char *path = b->desc->path;
  if (!set->count) return fail(error, MOTE_ERROR_FORMAT, "%s: found no image in it", path);
  if (b->size.width > IMAGE_MOST_SIDE || b->size.height > IMAGE_MOST_SIDE)
    return fail(error, MOTE_ERROR_FORMAT, "%s: the images are %d x %d pixels, expected at most %d a side; --size WxH makes them fit", path,
                b->size.width, b->size.height, IMAGE_MOST_SIDE);
  set->size = b->size;
  const int channels = b->desc->channels ? b->desc->channels : b->from_array ? b->file_channels : b->file_channels <= 2 ? 1 : 3;
  set->size.channels = channels;
  set->composited = b->transparent && channels % 2;
  // A pixel never grows, so the conversion may happen in place.
  size_t pixels = set->count * image_area(set->size);
  if (channels < 4) pixels_convert(set->pixels, pixels, channels, b->desc->background, set->pixels);
  uint8_t *shrunk = realloc(set->pixels, pixels * (size_t)channels);
  if (shrunk) set->pixels = shrunk;
  return MOTE_OK;
}

mote_status dataset_class(dataset *set, const char *where, const char *name, size_t length, int *label,
                          mote_error *error) {
  for (*label = 0; *label < set->class_count; ++*label)
    if (strlen(set->classes[*label]) == length && !memcmp(set->classes[*label], name, length)) return MOTE_OK;
  int shown = (int)(length < 60 ? length : 60);
  const char *fault = text_label_fault(name, length);
  if (fault)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found a class called \"%.*s\", %s", where, shown, name, fault);
  if (set->class_count == MOTE_MAX_LABELS)
    return fail(error, MOTE_ERROR_FORMAT, "%s: class \"%.*s\" is number %d, expected at most %d", where, shown, name,
                MOTE_MAX_LABELS + 1, MOTE_MAX_LABELS);
  memcpy(set->classes[set->class_count], name, length);
  *label = set->class_count++;
  return MOTE_OK;
}

void dataset_leave_out(dataset *set, const char *kind) {
  int i = 0;
  while (set->left_out[i].count && i < DATASET_LEFT_OUT_KINDS - 1 && strcmp(set->left_out[i].kind, kind)) i++;
  // More kinds than are told apart are all "other" in the last place.
  bool told_apart = !set->left_out[i].count || !strcmp(set->left_out[i].kind, kind);
  set->left_out[i].kind = told_apart ? kind : "other";
  set->left_out[i].count++;
}

void dataset_describe_left_out(const dataset *set, char *text, size_t bytes) {
  uint32_t total = 0;
  for (int i = 0; i < DATASET_LEFT_OUT_KINDS; i++) total += set->left_out[i].count;
  *text = 0;
  if (!total) return;
  int used = snprintf(text, bytes, total == 1 ? "%u file that is no image (" : "%u files that are no images (", total);
  for (int i = 0; i < DATASET_LEFT_OUT_KINDS && set->left_out[i].count && (size_t)used < bytes; i++)
    used += snprintf(text + used, bytes - (size_t)used, "%s%u %s", i ? ", " : "", set->left_out[i].count,
                     set->left_out[i].kind);
  if ((size_t)used < bytes) snprintf(text + used, bytes - (size_t)used, ")");
}

void dataset_say_choices(const dataset *set) {
  char left_out[256];
  dataset_describe_left_out(set, left_out, sizeof left_out);
  if (*set->arrays) say("%s: images from %s", set->source, set->arrays);
  if (*left_out) say("%s: left out %s", set->source, left_out);
  if (set->unlisted_count)
    say("%s: metadata.csv has no row for %u of %u images, which are of no class; the first is %s", set->source, set->unlisted_count,
        set->count, set->unlisted);
  if (set->surplus_count)
    say("%s: metadata.csv lists %u files that are no images of it; the first is %s", set->source, set->surplus_count, set->surplus);
}

// ---------------------------------------------------------------------------------------------------------------------
// Using

void dataset_premultiply(dataset *set) {
  pixels_premultiply(set->pixels, set->count * image_area(set->size), set->size.channels);
}

int dataset_context_length(const dataset *set) {
  return set->contexts ? set->context_length : set->class_count ? set->class_count : 1;
}

void dataset_write_context(const dataset *set, uint32_t image, float *context) {
  const size_t length = (size_t)dataset_context_length(set);
  memset(context, 0, length * sizeof *context);
  if (set->contexts)
    memcpy(context, set->contexts + image * length, length * sizeof *context);
  else if (set->labels[image] >= 0)
    context[set->labels[image]] = 1;
}

mote_status dataset_contexts(const dataset *set, float **contexts, mote_error *error) {
  size_t length = (size_t)dataset_context_length(set);
  *contexts = calloc(set->count ? set->count * length : 1, sizeof **contexts);
  if (!*contexts) return fail(error, MOTE_ERROR_MEMORY, "no memory for %u contexts", (unsigned)set->count);
  for (uint32_t i = 0; i < set->count; i++) dataset_write_context(set, i, *contexts + i * length);
  return MOTE_OK;
}

static bool attributes_equal(const mote_attribute *a, const mote_attribute *b) {
  return !strcmp(a->name, b->name) && a->count == b->count && a->is_number == b->is_number && a->low == b->low && a->high == b->high;
}

bool dataset_has_labels(const dataset *set, const mote_model_info *model) {
  bool same = dataset_context_length(set) == model->n_cfeat && set->attribute_count == model->attribute_count;
  for (int i = 0; same && i < set->attribute_count; i++) same = attributes_equal(&set->attributes[i], &model->attributes[i]);
  for (int i = 0; same && i < model->label_count && i < set->class_count; i++)
    same = !strcmp(set->classes[i], model->labels[i]);
  return same;
}

uint32_t dataset_class_size(const dataset *set, int label) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < set->count; i++)
    size += set->contexts ? set->contexts[i * (size_t)set->context_length + (size_t)label] != 0 : set->labels[i] == label;
  return size;
}

uint64_t dataset_hash(const dataset *set) {
  uint64_t hash = HASH_START;
  hash = hash_bytes(hash, &set->size.height, sizeof set->size.height);
  if (set->size.width != set->size.height) hash = hash_bytes(hash, &set->size.width, sizeof set->size.width);  // once all were squares
  hash = hash_bytes(hash, &set->size.channels, sizeof set->size.channels);
  hash = hash_bytes(hash, set->classes, (size_t)set->class_count * sizeof set->classes[0]);
  hash = hash_bytes(hash, set->labels, set->count * sizeof *set->labels);
  if (set->contexts)
    hash = hash_bytes(hash, set->contexts, set->count * (size_t)set->context_length * sizeof *set->contexts);
  for (int i = 0; i < set->attribute_count; i++) {
    const mote_attribute *a = &set->attributes[i];
    const double bounds[] = {a->count, a->is_number, a->low, a->high};
    hash = hash_bytes(hash_bytes(hash, a->name, sizeof a->name), bounds, sizeof bounds);
  }
  return hash_bytes(hash, set->pixels, (size_t)set->count * image_values(set->size));
}

// Marks the held-out images of one class: the first of a Fisher-Yates shuffle drawn from Philox.
static void choose_held_out(const dataset *set, int label, double fraction, uint64_t seed, uint32_t *members,
                            bool *held) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < set->count; i++)
    if (set->labels[i] == label) members[size++] = i;
  uint32_t wanted = (uint32_t)(fraction * size + 0.5);
  if (wanted && wanted >= size) wanted = size - 1;
  for (uint32_t i = 0; i < wanted; i++) {
    philox_block block = philox((philox_block){{i, (uint32_t)label, 0, STREAM_HOLDOUT}}, seed);
    uint32_t other = i + (uint32_t)(((uint64_t)block.words[0] * (size - i)) >> 32), kept = members[i];
    members[i] = members[other];
    members[other] = kept;
    held[members[i]] = true;
  }
}

static mote_status take(const dataset *set, const bool *held, bool wanted, dataset *part, mote_error *error) {
  size_t bytes = image_values(set->size);
  const size_t length = set->contexts ? (size_t)set->context_length : 0;
  *part = *set;
  part->count = 0;
  part->pixels = malloc((size_t)set->count * bytes + 1);
  part->labels = malloc((size_t)set->count * sizeof *part->labels + 1);
  part->contexts = length ? malloc((size_t)set->count * length * sizeof *part->contexts) : NULL;
  if (!part->pixels || !part->labels || (length && !part->contexts)) {
    dataset_finish(part);
    return fail(error, MOTE_ERROR_MEMORY, "no memory for %u images", (unsigned)set->count);
  }
  for (uint32_t i = 0; i < set->count; i++) {
    if (held[i] != wanted) continue;
    memcpy(part->pixels + part->count * bytes, set->pixels + i * bytes, bytes);
    if (length) memcpy(part->contexts + part->count * length, set->contexts + i * length, length * sizeof *part->contexts);
    part->labels[part->count++] = set->labels[i];
  }
  return MOTE_OK;
}

mote_status dataset_split(const dataset *set, double fraction, uint64_t seed, dataset *train, dataset *held_out,
                          mote_error *error) {
  *train = *held_out = (dataset){0};
  bool *held = calloc(set->count, sizeof *held);
  uint32_t *members = malloc(set->count * sizeof *members);
  mote_status status = held && members ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory to split the images");
  if (!status) {
    for (int label = -1; label < set->class_count; label++) choose_held_out(set, label, fraction, seed, members, held);
    status = take(set, held, false, train, error);
  }
  if (!status) status = take(set, held, true, held_out, error);
  if (status) dataset_finish(train);
  free(held);
  free(members);
  return status;
}

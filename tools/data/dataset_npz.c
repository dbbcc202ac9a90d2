// dataset_npz.c: images and classes from the arrays of a .npz file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/data/dataset.h"
#include "tools/data/npz.h"

// How data sets call them, the most telling names first. An archive of one array needs no such name.
static const struct {
  const char *images, *labels;
} usual_names[] = {
    {"x", "y"},           {"X", "y"},         {"images", "labels"}, {"x_train", "y_train"}, {"train_images", "train_labels"},
    {"X_train", "y_train"}, {"data", "labels"}, {"imgs", "labels"},   {"arr_0", "arr_1"},
};

static mote_status find_asked(const npz *z, const char *asked, const npz_member **images, const npz_member **labels,
                              mote_error *error) {
  char names[2][64] = {"", ""}, held[200];
  const char *comma = strchr(asked, ',');
  const size_t length = comma ? (size_t)(comma - asked) : strlen(asked);
  snprintf(names[0], sizeof names[0], "%.*s", (int)(length < 64 ? length : 63), asked);
  if (comma) snprintf(names[1], sizeof names[1], "%s", comma + 1);
  npz_list_names(z, held, sizeof held);
  for (int i = 0; i < 1 + (comma != NULL); i++)
    if (!npz_find(z, names[i]))
      return fail(error, MOTE_ERROR_USAGE, "--arrays: found \"%s\", expected names of arrays in %s, which holds %s", names[i],
                  z->name, held);
  *images = npz_find(z, names[0]);
  *labels = comma ? npz_find(z, names[1]) : NULL;
  return MOTE_OK;
}

static mote_status find_arrays(const npz *z, const char *asked, const npz_member **images, const npz_member **labels,
                               mote_error *error) {
  *images = *labels = NULL;
  if (asked) return find_asked(z, asked, images, labels, error);
  for (size_t i = 0; i < sizeof usual_names / sizeof usual_names[0] && !*images; i++) {
    *images = npz_find(z, usual_names[i].images);
    *labels = *images ? npz_find(z, usual_names[i].labels) : NULL;
  }
  if (!*images && z->member_count == 1) *images = z->members;
  if (*images) return MOTE_OK;
  char held[200];
  npz_list_names(z, held, sizeof held);
  return fail(error, MOTE_ERROR_FORMAT, "%s: holds the arrays %s; --arrays IMAGES or IMAGES,LABELS says which to take", z->name,
              held);
}

// An array with its bytes, and the name that its messages open with.
typedef struct loaded {
  char name[512];
  uint8_t *bytes;
  npy_array array;
} loaded;

static mote_status load_head(loaded *l, const npz *z, const npz_member *m, mote_error *error) {
  uint8_t head[NPZ_HEAD_BYTES];
  size_t bytes = 0;
  snprintf(l->name, sizeof l->name, "%.400s: %s", z->name, m->name);
  TRY(npz_read_head(z, m, head, &bytes, error));
  return npy_parse_head(l->name, head, bytes, m->inflated, &l->array, error);
}

// What the header promises was found fit before this takes memory for it.
static mote_status load_elements(loaded *l, const npz *z, const npz_member *m, mote_error *error) {
  TRY(npz_read(z, m, &l->bytes, error));
  return npy_parse(l->name, l->bytes, m->inflated, &l->array, error);
}

static mote_status read_arrays(dataset_builder *builder, const npz *z, loaded *images, loaded *labels, mote_error *error) {
  const npz_member *image_member, *label_member;
  dataset *set = builder->set;
  TRY(find_arrays(z, builder->desc->arrays, &image_member, &label_member, error));
  if (builder->desc->labels || builder->desc->contexts) label_member = NULL;  // another file has them
  TRY(load_head(images, z, image_member, error));
  TRY(dataset_check_array(builder, &images->array, error));
  if (label_member) {
    TRY(load_head(labels, z, label_member, error));
    TRY(dataset_check_labels(&labels->array, images->array.dims[0], error));
    TRY(load_elements(labels, z, label_member, error));
  }
  TRY(load_elements(images, z, image_member, error));
  snprintf(set->arrays, sizeof set->arrays, "%s%s%s", image_member->name, label_member ? ", labels " : "",
           label_member ? label_member->name : "");
  return dataset_add_array(builder, &images->array, label_member ? &labels->array : NULL, error);
}

mote_status dataset_read_npz(dataset_builder *builder, const char *path, const uint8_t *bytes, size_t count,
                             mote_error *error) {
  npz z;
  loaded images = {.bytes = NULL}, labels = {.bytes = NULL};
  TRY(npz_init(&z, path, bytes, count, error));
  mote_status status = read_arrays(builder, &z, &images, &labels, error);
  free(images.bytes);
  free(labels.bytes);
  npz_finish(&z);
  return status;
}

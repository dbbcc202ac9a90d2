// dataset.h: the images to train on, with a class each: from a folder, a sprite sheet or .npy files.
#ifndef MOTE_TOOLS_DATA_DATASET_H
#define MOTE_TOOLS_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/files/npy.h"
#include "mote.h"
#include "tools/images/image.h"

#define DATASET_DEFAULT_NAME "angband"
#define DATASET_DEFAULT_PATH "/usr/share/angband/xtra/graf/16x16.png"

#define DATASET_EXPECTED "a folder of images, a sprite sheet, or a .npy or .npz file"
#define DATASET_MAX_BYTES ((size_t)1 << 31)  // of RGBA pixels
#define DATASET_LEFT_OUT_KINDS 12
#define DATASET_SQUARE (-1)  // of crop and pad: as wide as high, the largest that lies in an image, or the smallest that holds it
#define DATASET_SHAPE (-2)   // of crop and pad: the same in the shape of `size`

// Which numbers of an array are black and white. AUTO: of integers 0 and 255, of bools false and true, of floats of which one is
// negative -1 and 1; other floats do not tell.
typedef enum dataset_range {
  DATASET_RANGE_AUTO = 0,
  DATASET_RANGE_0_1,
  DATASET_RANGE_0_255,
  DATASET_RANGE_1_1,
} dataset_range;
extern const char *const dataset_ranges[];  // their names, for --range; ends with NULL

typedef struct dataset_desc {
  const char *path;             // a folder, an array or a sheet; NULL or "angband": the default sheet
  int tile[2];                  // of a sheet, pixels across and down; 0: not given
  const char *classes;          // class map of a sheet, the name of its file or itself; NULL: one without classes
  const char *labels;           // .npy file beside an array; NULL: images without classes, or with those of the .npz file
  const char *attributes;       // of a folder with metadata.csv, the columns that are taken: A,B or none; NULL: all
  const char *contexts;         // .npy file beside an array: (N, K) numbers, the images' contexts; NULL: none
  const char *arrays;           // of a .npz file: IMAGES or IMAGES,LABELS; NULL: those with usual names
  dataset_range range;          // of an array
  int spacing[2], margin[2];    // pixels between a sheet's tiles and around them, across and down
  int crop[2], pad[2];          // pixels across and down that what is longer is cut to, what is shorter filled up to; 0: neither
  int size[2];                  // after that: what every image is stretched to; 0: they must be equal
  int channels;                 // 1 to 4; 0: of the array, of images 1 if all are grey, else 3
  uint8_t background[3];        // what alpha is composited on where the channels keep none
} dataset_desc;

typedef struct dataset {
  uint32_t count;
  image_size size;  // of each
  uint8_t *pixels;  // count images, height × width × channels each, owned
  int *labels;      // count class indices, owned; -1 where there are no classes, or none is known
  int class_count;  // 0: no classes
  char classes[MOTE_MAX_LABELS][32];
  // With attributes or numbers the classes are those of the first attribute of words, and names of all of a context's numbers.
  int attribute_count;                    // 0: classes alone, or numbers without names
  mote_attribute attributes[MOTE_MAX_ATTRIBUTES];
  float *contexts;                        // count × context_length, owned; NULL: one-hot classes
  int context_length;                     // with contexts
  uint32_t unlisted_count, surplus_count; // images without a row in metadata.csv, rows without an image
  char unlisted[128], surplus[128];       // the first of them
  const char *class_hint;                 // without classes: what would give some, "--labels ..."; lives for ever
  char arrays[160];                       // which ones of a .npz file were taken: "x, labels y"; else empty
  char source[256];                       // where they come from, for a model's trained_on
  uint32_t empty_count, duplicate_count;  // tiles of a sheet that were left out
  struct {
    const char *kind;  // "GIF", "pipe"; lives for ever
    uint32_t count;
  } left_out[DATASET_LEFT_OUT_KINDS];  // files of a folder that are no images; the first with a count of 0 ends them
  bool composited;                        // alpha was there, and was composited away
} dataset;

// Reads what desc->path names. Whatever cannot be used fails with the file's name and the reason.
mote_status dataset_init(dataset *set, const dataset_desc *desc, mote_error *error);
void dataset_finish(dataset *set);

// What was left out of a folder, as "3 files that are no images (2 GIF, 1 pipe)"; empty if nothing was.
void dataset_describe_left_out(const dataset *set, char *text, size_t bytes);

// Says on stderr what was chosen of DATA unasked: the arrays of a .npz file, and how many files were left out.
void dataset_say_choices(const dataset *set);

// Multiplies colours by alpha, of 2 and 4 channels.
void dataset_premultiply(dataset *set);

// Deals the images into two sets. Of each class, `fraction` (rounded, and never all) goes to `held_out`; the same seed
// chooses the same ones.
mote_status dataset_split(const dataset *set, double fraction, uint64_t seed, dataset *train, dataset *held_out,
                          mote_error *error);

// Length of the context that the model of such data takes: the classes, or 1 number that stays 0.
int dataset_context_length(const dataset *set);

// Rows of dataset_context_length numbers, one-hot where there are classes alone; the caller's to free().
mote_status dataset_contexts(const dataset *set, float **contexts, mote_error *error);

// One of these rows.
void dataset_write_context(const dataset *set, uint32_t image, float *context);

// Whether the classes and attributes are the model's, in their order.
bool dataset_has_labels(const dataset *set, const mote_model_info *model);

// How many images have that class, or, with contexts, a number other than 0 in that place.
uint32_t dataset_class_size(const dataset *set, int label);

// A number that differs when images, classes or their order differ (FNV-1a, 64 bits).
uint64_t dataset_hash(const dataset *set);

// ---------------------------------------------------------------------------------------------------------------------
// For the readers

typedef struct dataset_builder {
  const dataset_desc *desc;
  dataset *set;
  image_size size;       // of the images so far, RGBA; 0: none yet
  int file_channels;     // the most that an image had
  bool transparent;      // a pixel was not opaque
  bool from_array;       // whose number of channels is kept
  char first_name[512];  // of the first image, for messages
  struct attributes *attributes;  // what metadata.csv says; NULL: there is none
  int *rows;                      // of it, for each image; -1: none. Owned by who sets `attributes`
} dataset_builder;

// Adds an RGBA image, resized if the description says so. `name` is for messages.
mote_status dataset_append(dataset_builder *builder, const image *image, int file_channels, int label, const char *name,
                           mote_error *error);

// Settles the channels and checks that a model can be made for such images.
mote_status dataset_complete(dataset_builder *builder, mote_error *error);

// The index of a class of that name, added if it is new. `where` opens messages.
mote_status dataset_class(dataset *set, const char *where, const char *name, size_t length, int *label,
                          mote_error *error);

// Counts a file of a folder that is not read.
void dataset_leave_out(dataset *set, const char *kind);

mote_status dataset_read_folder(dataset_builder *builder, const char *path, mote_error *error);

// Of the bytes of the file at `path`, which these may change.
mote_status dataset_read_sheet(dataset_builder *builder, const char *path, uint8_t *bytes, size_t count, mote_error *error);
mote_status dataset_read_npy(dataset_builder *builder, const char *path, const uint8_t *bytes, size_t count,
                             mote_error *error);
mote_status dataset_read_npz(dataset_builder *builder, const char *path, const uint8_t *bytes, size_t count,
                             mote_error *error);

// Arrays: shape and size first, for which no element needs to be there; then all of it. `labels` may be NULL.
mote_status dataset_check_array(const dataset_builder *builder, const npy_array *images, mote_error *error);
mote_status dataset_check_labels(const npy_array *labels, uint64_t count, mote_error *error);
mote_status dataset_add_array(dataset_builder *builder, const npy_array *images, const npy_array *labels, mote_error *error);

// A class for each of `count` images; `*labels` is the caller's to free().
mote_status dataset_read_labels(dataset *set, const npy_array *array, uint64_t count, int **labels, mote_error *error);

#endif

// dataset.h: the images to train on, with a class each: from a folder, a sprite sheet or .npy files.
#ifndef MOTE_TOOLS_DATASET_H
#define MOTE_TOOLS_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote.h"
#include "tools/image.h"

#define DATASET_DEFAULT_NAME "angband"
#define DATASET_DEFAULT_PATH "/usr/share/angband/xtra/graf/16x16.png"

#define DATASET_EXPECTED "a folder of images, a sprite sheet or a .npy file"
#define DATASET_LEFT_OUT_KINDS 12

typedef struct dataset_desc {
  const char *path;             // a folder, an array or a sheet; NULL or "angband": the default sheet
  int tile_width, tile_height;  // of a sheet; 0: not given
  const char *classes;          // class map of a sheet, the name of its file or itself; NULL: one without classes
  const char *labels;           // .npy file beside a .npy file; NULL: images without classes
  int resize;                   // the side in pixels that every image is brought to; 0: they must be equal
  int channels;                 // 1 to 4; 0: of the .npy file, of PNGs 1 if all are grey, else 3
  uint8_t background[3];        // what alpha is composited on where the channels keep none
} dataset_desc;

typedef struct dataset {
  uint32_t count;
  int height, channels;
  uint8_t *pixels;  // count × height × height × channels, owned
  int *labels;      // count class indices, owned; -1 where there are no classes
  int class_count;  // 0: no classes
  char classes[MOTE_MAX_LABELS][32];
  const char *class_hint;                 // without classes: what would give some, "--labels ..."; lives for ever
  char source[256];                       // where they come from, for a model's trained_on
  uint32_t empty_count, duplicate_count;  // tiles of a sheet that were left out
  struct {
    const char *kind;  // "GIF", "pipe"; lives for ever
    uint32_t count;
  } left_out[DATASET_LEFT_OUT_KINDS];  // files of a folder that are no images; the first with a count of 0 ends them
  bool composited;                        // alpha was there, and was composited away
} dataset;

// Read `16x16` and `#ff00ff`, `black` or `white` into a description, for --tile and --background.
mote_status dataset_parse_tile(const char *text, dataset_desc *desc, mote_error *error);
mote_status dataset_parse_colour(const char *text, dataset_desc *desc, mote_error *error);

// Reads what desc->path names. Whatever cannot be used fails with the file's name and the reason.
mote_status dataset_init(dataset *set, const dataset_desc *desc, mote_error *error);
void dataset_finish(dataset *set);

// What was left out of a folder, as "3 files that are no images (2 GIF, 1 pipe)"; empty if nothing was.
void dataset_describe_left_out(const dataset *set, char *text, size_t bytes);

// Multiplies colours by alpha, of 2 and 4 channels.
void dataset_premultiply(dataset *set);

// Deals the images into two sets. Of each class, `fraction` (rounded, and never all) goes to `held_out`; the same seed
// chooses the same ones.
mote_status dataset_split(const dataset *set, double fraction, uint64_t seed, dataset *train, dataset *held_out,
                          mote_error *error);

// Length of the context that the model of such data takes: the classes, or 1 number that stays 0.
int dataset_context_length(const dataset *set);

// One-hot rows of dataset_context_length numbers; the caller's to free().
mote_status dataset_contexts(const dataset *set, float **contexts, mote_error *error);

// Whether the classes are the model's labels, in their order.
bool dataset_has_labels(const dataset *set, const mote_model_info *model);

// How many images have that class.
uint32_t dataset_class_size(const dataset *set, int label);

// A number that differs when images, classes or their order differ (FNV-1a, 64 bits).
uint64_t dataset_hash(const dataset *set);

// ---------------------------------------------------------------------------------------------------------------------
// For the readers

typedef struct dataset_builder {
  const dataset_desc *desc;
  dataset *set;
  size_t capacity;       // images that set->pixels (RGBA so far) and set->labels have room for
  int side;              // of the images so far; 0: none yet
  int file_channels;     // the most that an image had
  bool transparent;      // a pixel was not opaque
  bool from_array;       // whose number of channels is kept
  char first_name[512];  // of the first image, for messages
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

#endif

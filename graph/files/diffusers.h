// diffusers.h: folders as diffusers saves models and pipelines: which files they hold, and their JSON as plain records.
#ifndef MOTE_GRAPH_FILES_DIFFUSERS_H
#define MOTE_GRAPH_FILES_DIFFUSERS_H

#include <limits.h>

#include "mote.h"

// Names that diffusers gives its files.
#define DIFFUSERS_INDEX "model_index.json"
#define DIFFUSERS_CONFIG "config.json"
#define DIFFUSERS_SCHEDULER "scheduler_config.json"
#define DIFFUSERS_WEIGHTS "diffusion_pytorch_model.safetensors"

typedef struct diffusers_folder {
  char config[PATH_MAX], weights[PATH_MAX];
  char index[PATH_MAX], unet[PATH_MAX], scheduler[PATH_MAX];  // empty: a model alone, which has none
} diffusers_folder;

// Where the files of a model, or of a pipeline, lie. False: their names are too long.
bool diffusers_name_files(const char *path, bool pipeline, diffusers_folder *folder);

// Whether `path` is a folder, and one that holds a model or a pipeline: nothing is read.
bool diffusers_is_any_folder(const char *path);
bool diffusers_is_folder(const char *path);

// Finds the files of a model, or of a pipeline that has a UNet2DModel and a scheduler alone. Weights as pickles and in several
// files are refused.
mote_status diffusers_open(const char *path, diffusers_folder *folder, mote_error *error);

typedef enum diffusers_type {
  DIFFUSERS_NULL,
  DIFFUSERS_BOOL,    // "true" or "false"
  DIFFUSERS_NUMBER,
  DIFFUSERS_STRING,
  DIFFUSERS_LIST,    // of numbers, strings and truths, with commas between them
  DIFFUSERS_OTHER,   // anything else, as which `text` says nothing
} diffusers_type;

typedef struct diffusers_record {
  char key[48];
  diffusers_type type;
  char text[160];
} diffusers_record;

enum { DIFFUSERS_RECORDS = 96 };

typedef struct diffusers_config {
  const char *path;  // borrowed
  int count;
  diffusers_record records[DIFFUSERS_RECORDS];
} diffusers_config;

// Reads a JSON file that is an object. Python's -Infinity is taken for a number.
mote_status diffusers_read(const char *path, diffusers_config *config, mote_error *error);

// NULL: there is none of this key.
const diffusers_record *diffusers_find(const diffusers_config *config, const char *key);

#endif

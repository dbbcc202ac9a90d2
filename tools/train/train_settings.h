// train_settings.h: the settings.json of a run's folder: written when a run begins, compared when it goes on.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_SETTINGS_H
#define MOTE_TOOLS_TRAIN_TRAIN_SETTINGS_H

#include "tools/train/train_options.h"

typedef struct train_settings_desc {
  const train_options *options;
  const dataset *train, *held_out;
  const mote_device_info *device;
  const char *path;  // of settings.json
} train_settings_desc;

mote_status train_settings_write(const train_settings_desc *desc, mote_error *error);

// Reads the file at `path` into options->earlier. Settings that were not given now are taken from it, DATA and the files that
// they name too; fixed ones that were given and differ are MOTE_ERROR_USAGE with both values. `begins`: there is no checkpoint,
// so that the run needs all that it began with.
mote_status train_settings_adopt(train_options *options, const char *path, bool begins, mote_error *error);

// The same of what a file `path` holds.
mote_status train_settings_parse(train_options *options, const char *path, const char *text, size_t bytes, bool begins,
                                 mote_error *error);

// After train_settings_adopt: MOTE_ERROR_FILE when a model is another one than then, even under the same name.
mote_status train_settings_compare_files(const train_options *options, bool begins, mote_error *error);

// MOTE_ERROR_FORMAT when the images are others than then. Says so when the device, its driver or the kernels are others, with
// which the run goes on, but not with the same bits.
mote_status train_settings_compare(const train_settings_desc *desc, mote_error *error);

// What the run called its images then, for trained_on: nothing is written where there is no earlier part.
void train_settings_source(const train_options *options, char *source, size_t bytes);

#endif

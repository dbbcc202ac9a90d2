// train_settings.h: the settings.json of a run's folder: written when a run begins, compared when it goes on.
#ifndef MOTE_TOOLS_TRAIN_SETTINGS_H
#define MOTE_TOOLS_TRAIN_SETTINGS_H

#include "tools/train_options.h"

typedef struct train_settings_desc {
  const train_options *options;
  const dataset *train, *held_out;
  const mote_device_info *device;
  const char *path;  // of settings.json
} train_settings_desc;

mote_status train_settings_write(const train_settings_desc *desc, mote_error *error);

// Reads the file at `path` into options->earlier. Settings that were not given now are taken from it; fixed ones that
// were given and differ are MOTE_ERROR_USAGE with both values.
mote_status train_settings_adopt(train_options *options, const char *path, mote_error *error);

// After train_settings_adopt: MOTE_ERROR_FORMAT when the images are others than then. Says so when the device is
// another, with which the run goes on, but not with the same bits.
mote_status train_settings_compare(const train_settings_desc *desc, mote_error *error);

#endif

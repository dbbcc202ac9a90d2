// open.h: opens the device and the model that the options ask for.
#ifndef MOTE_TOOLS_OPEN_H
#define MOTE_TOOLS_OPEN_H

#include "graph/files/npy.h"
#include "mote.h"
#include "tools/options.h"

// Makes the device; the library's warnings go to stderr. Finds and makes the cache folder, which only matters when
// --cache named it: a home that cannot be written to is no reason to fail.
mote_status open_device(const common_options *common, mote_device **device, mote_error *error);

// Fails with MOTE_ERROR_USAGE when `path` is NULL and no model was built in.
mote_status check_model_given(const char *path, mote_error *error);

// Loads `path`, or the built-in weights when it is NULL.
mote_status open_model(mote_device *device, const char *path, mote_model **model, mote_error *error);

// The same, for images of that many pixels across and down, 0: of those that it was made for. --size asked for them.
mote_status open_sized_model(mote_device *device, const char *path, const int size[2], mote_model **model, mote_error *error);

// The same where images may have more than 4 channels.
mote_status open_any_model(mote_device *device, const char *path, mote_model **model, mote_error *error);

// Lets a model whose network takes any size be of that of (N, C, h, w) images. Others stay as they are: what checks the shape says so.
void size_model(mote_model *model, const npy_array *images);

// Fails with MOTE_ERROR_USAGE when the model makes no images.
mote_status check_makes_images(const mote_model *model, const char *path, mote_error *error);

// Loads `path`, or the built-in classifier when it is NULL, which must be there: default_classifier_given().
mote_status open_classifier(mote_device *device, const char *path, mote_model **model, mote_error *error);
bool default_classifier_given(void);

// Says on stderr which device the work runs on.
void say_device(const mote_device_info *device);

// "discrete GPU" and so on.
const char *device_type_name(mote_device_type type);

#endif

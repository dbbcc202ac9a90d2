// metadata.h: what a weights file says about its model, in words and in the shapes of its tensors.
#ifndef MOTE_GRAPH_NETS_METADATA_H
#define MOTE_GRAPH_NETS_METADATA_H

#include "graph/files/safetensors.h"
#include "graph/nets/settings.h"

// Labels, and all else.
enum { METADATA_PAIRS = 64, METADATA_BYTES = sizeof((mote_model_info *)0)->labels + 8192 };

// Metadata under construction: values are written into `text`.
typedef struct metadata_pairs {
  safetensors_pair pairs[METADATA_PAIRS];
  size_t count, used;
  char text[METADATA_BYTES];
} metadata_pairs;

// Fills `info` from the metadata of `file`, from shapes where metadata is absent (said through the device's log), and
// checks that both agree and metadata_check allows it. `name` stands for the path in messages, `own` is the network, NULL: one
// of mote's.
mote_status metadata_read(const mote_device *device, const char *name, const safetensors *file, const network *own,
                          mote_model_info *info, mote_error *error);

// The part of it that reads the settings of the network that `info` describes, from the file's metadata or, instead, `pairs`.
mote_status metadata_read_settings(const mote_device *device, const char *name, const safetensors *file,
                                   const metadata_pairs *pairs, mote_model_info *info, mote_error *error);

// Who described a model: the file of that name, or a caller.
typedef struct described {
  const char *where;   // opens messages
  mote_status status;  // of a description that is refused: MOTE_ERROR_FORMAT, MOTE_ERROR_USAGE
} described;

// Refuses what is no model, so that what a trainer is made from is what its weights are read as.
mote_status metadata_check(const described *by, const mote_model_info *info, mote_error *error);

// The part of it that is about the network's settings, the size of images among them.
mote_status metadata_check_settings(const described *by, const mote_model_info *info, mote_error *error);

// The part of it that judges one label, of `bytes` bytes.
mote_status metadata_check_label(const described *by, int index, const char *text, size_t bytes, mote_error *error);

void metadata_add(metadata_pairs *list, const char *key, const char *value);

// Adds what metadata_read reads as `info`, which metadata_check allows.
void metadata_describe(const mote_model_info *info, metadata_pairs *list);

// The names of enumerators, in their order, with NULL at the end.
extern const char *const metadata_schedules[], *const metadata_predictions[], *const metadata_alphas[];

// What samplers guide by unless told: more than 1 where the model learned without contexts too and was not distilled.
double metadata_guidance(const mote_model_info *info);

#endif

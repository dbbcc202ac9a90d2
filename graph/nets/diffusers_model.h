// diffusers_model.h: what the JSON of a diffusers folder says of its model, as mote describes models.
#ifndef MOTE_GRAPH_NETS_DIFFUSERS_MODEL_H
#define MOTE_GRAPH_NETS_DIFFUSERS_MODEL_H

#include "graph/files/diffusers.h"
#include "graph/nets/metadata.h"

// Fills `info` from the folder's config and scheduler, and checks it against the shapes of the weights, `file`. What mote does not
// do is refused by its key, with what was found and what was expected.
mote_status diffusers_describe(const mote_device *device, const diffusers_folder *folder, const safetensors *file,
                               mote_model_info *info, mote_error *error);

// Fails with MOTE_ERROR_UNSUPPORTED unless diffusers has such a model.
mote_status diffusers_check_model(const mote_model_info *info, mote_error *error);

// Writes such a model as a pipeline into the folder `path`, where the folders unet and scheduler are too; `betas` of t = 1 … T.
mote_status diffusers_write(const mote_model *model, const double *betas, const char *path, mote_error *error);

// The keys of config.json and the settings of a unet2d that they are; both of sample_size's are of `height`.
typedef struct diffusers_key {
  const char *key, *setting;
  const char *usual;  // what diffusers takes where the key is absent; NULL: it must be there
} diffusers_key;

extern const diffusers_key diffusers_keys[];  // up to one without a key

// What the settings and schedulers are called there, in the order of the enumerators.
extern const char *const diffusers_schedules[], *const diffusers_predictions[];

#endif

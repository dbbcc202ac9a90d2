// metadata.h: what a weights file says about its model, in words and in the shapes of its tensors.
#ifndef MOTE_GRAPH_METADATA_H
#define MOTE_GRAPH_METADATA_H

#include "graph/safetensors.h"
#include "runtime/runtime.h"

// Fills `info` from the metadata of `file`, from shapes where metadata is absent (said through the device's log), and
// checks that both agree and stay in range. `name` stands for the path in messages.
mote_status metadata_read(const mote_device *device, const char *name, const safetensors *file, mote_model_info *info,
                          mote_error *error);

#endif

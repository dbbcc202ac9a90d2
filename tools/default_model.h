// default_model.h: the weights that `mote sample` takes when no MODEL is named.
#ifndef MOTE_TOOLS_DEFAULT_MODEL_H
#define MOTE_TOOLS_DEFAULT_MODEL_H

#include <stddef.h>

#define DEFAULT_MODEL_NAME "the embedded sprites16.safetensors"

// A safetensors file in memory that lives as long as the program, or NULL when none was built in.
const void *default_model(size_t *bytes);

#endif

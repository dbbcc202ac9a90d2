// parameters_write.h: all parameters of a network as one safetensors file.
#ifndef MOTE_GRAPH_NETS_PARAMETERS_WRITE_H
#define MOTE_GRAPH_NETS_PARAMETERS_WRITE_H

#include "graph/files/safetensors.h"
#include "graph/nets/metadata.h"
#include "graph/nets/parameters.h"

typedef struct parameters_write_desc {
  const parameters *parameters;
  buffer *learned, *others;        // where the numbers of learned parameters lie, and of the rest; both in that layout
  safetensors_dtype dtype;
  const metadata_pairs *metadata;  // NULL: none
  const char *checked;             // NULL, or what opens the message where parameter_check refuses a number: MOTE_ERROR_FORMAT
} parameters_write_desc;

mote_status parameters_write(const parameters_write_desc *desc, const char *path, mote_error *error);

#endif

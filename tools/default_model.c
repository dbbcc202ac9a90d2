// default_model.c: the weights that `mote sample` takes when no MODEL is named: none so far.
#include "tools/default_model.h"

const void *default_model(size_t *bytes) {
  *bytes = 0;
  return NULL;
}

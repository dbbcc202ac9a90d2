// inpaint.h: parameters of inpaint.comp.
#include "shaders/types.h"

struct inpaint_parameters {
  uint batch;
  uint channels;
  uint height;
  uint width;
};

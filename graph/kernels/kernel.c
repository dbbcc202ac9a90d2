// kernel.c: which of an op's kernels a node takes.
#include "graph/kernels/kernel.h"

#include <string.h>

bool kernel_is_among(const kernel *kernel, const char *names) {
  size_t length = strlen(kernel->name);
  for (const char *at = names; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strcspn(at, ",") == length && !strncmp(at, kernel->name, length)) return true;
  return false;
}

static bool is_of_class(const kernel *kernel, mote_kernels wanted) {
  bool tiles_too = wanted == MOTE_KERNELS_MATRIX && kernel->class == MOTE_KERNELS_TILED;
  return kernel->class == MOTE_KERNELS_PLAIN || kernel->class == wanted || tiles_too;
}

bool kernel_fits(const kernel *kernel, const device_caps *caps, const node *node) {
  return (!kernel->cooperative || caps->cooperative) && (!kernel->fits || kernel->fits(caps, node));
}

const kernel *kernel_choose(const device_caps *caps, const node *node) {
  for (const kernel *k = node->op->kernels; k->name; k++)
    if (kernel_is_among(k, caps->kernel_names) && kernel_fits(k, caps, node)) return k;
  for (const kernel *k = node->op->kernels; k->name; k++)
    if (is_of_class(k, caps->kernels) && kernel_fits(k, caps, node)) return k;
  return NULL;
}

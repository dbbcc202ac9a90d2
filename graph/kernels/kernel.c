// kernel.c: which of an op's kernels a node takes.
#include "graph/kernels/kernel.h"

#include "graph/kernels/packing.h"

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

static bool is_stored_in_half(const node *node) {
  bool half = false;
  for (int i = 0; i < node->input_count; i++) half |= node->inputs[i] && node->inputs[i]->type == ELEMENT_F16;
  for (int i = 0; i < node->output_count; i++) half |= node->outputs[i]->type == ELEMENT_F16;
  return half;
}

bool kernel_fits(const kernel *kernel, const device_caps *caps, const node *node) {
  if (kernel->stores_half != is_stored_in_half(node)) return false;
  return (!kernel->cooperative || caps->cooperative) && (!kernel->fits || kernel->fits(caps, node));
}

const kernel *kernel_choose(const device_caps *caps, const node *node) {
  for (const kernel *k = node->op->kernels; k->name; k++)
    if (kernel_is_among(k, caps->kernel_names) && kernel_fits(k, caps, node)) return k;
  for (const kernel *k = node->op->kernels; k->name; k++)
    if (is_of_class(k, caps->kernels) && kernel_fits(k, caps, node)) return k;
  return NULL;
}

static int variants_of(const kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]) {
  variants[0] = (variant){0};
  return kernel->variants ? kernel->variants(kernel, caps, node, variants) : 1;
}

static bool is_searched(const kernel *kernel, const struct kernel *first, const device_caps *caps) {
  if (kernel == first || (kernel->half && !first->half)) return kernel == first;
  if (kernel_is_among(first, caps->kernel_names)) return kernel_is_among(kernel, caps->kernel_names);
  return caps->any_kernels || is_of_class(kernel, caps->kernels);
}

static bool makes_equal_bits(const way *a, const way *b) {
  bool kernels = a->kernel == b->kernel || (a->kernel->order && a->kernel->order == b->kernel->order);
  return kernels && a->variant.order == b->variant.order;
}

int kernel_ways(const device_caps *caps, const node *node, kernel_search search, way ways[MOST_WAYS]) {
  const kernel *first = kernel_choose(caps, node), *kernel = first, *next = node->op->kernels;
  int count = 0;
  for (; first && kernel->name; kernel = next++) {
    variant variants[MOST_VARIANTS];
    if (count && (kernel == first || !is_searched(kernel, first, caps) || !kernel_fits(kernel, caps, node))) continue;
    int of_kernel = variants_of(kernel, caps, node, variants);
    for (int i = 0; i < of_kernel && count < MOST_WAYS; i++) {
      ways[count] = (way){kernel, variants[i]};
      bool equal = makes_equal_bits(&ways[count], ways) && !variants[i].unlikely;
      count += count == 0 || search == SEARCH_ALL || (search == SEARCH_EQUAL && equal);
    }
    if (search == SEARCH_NONE) break;
  }
  return count;
}

mote_status kernel_launch(launches *to, const node *node, const way *way, mote_error *error) {
  to->node = node;
  to->kernel = way->kernel;
  to->variant = way->variant;
  TRY(way->kernel->launch(node, to, error));
  packing_forget(to, node);
  return MOTE_OK;
}

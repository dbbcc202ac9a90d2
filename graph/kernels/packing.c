// packing.c: makes copies of weights, and knows those that are there.
#include "graph/kernels/packing.h"

#include <stdio.h>

#include "graph/ir/views.h"

#include "runtime/list.h"

// A parameter, or what is prepared of them. Statistics move while a network learns, as weights do.
static bool is_constant(const launches *to, const tensor *weight) {
  if (weight->producer) return weight->producer->stage == STAGE_PREPARE;
  bool moves = weight->requires_grad || weight->parameter.role > PARAMETER_VECTOR;
  return weight->kind == TENSOR_PARAMETER && !(to->train && moves);
}

mote_status launches_pack(launches *to, tensor *weight, const packing *packing, tensor **copy, mote_error *error) {
  launches *list = to->prepare && is_constant(to, weight) ? to->prepare : to;
  for (int i = 0; i < list->copy_count; i++) {
    *copy = list->copies[i].copy;
    if (list->copies[i].weight == weight && list->copies[i].packing == packing) return MOTE_OK;
  }
  char name[NAME_BYTES];
  snprintf(name, sizeof name, "%.70s:%.20s", weight->name, packing->name);
  *copy = graph_activation(to->graph, name, (shape){1, packing->count(weight), 1, 1}, ROLE_TABLE);
  if (!*copy || !LIST_ROOM(list->copies, list->copy_count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  list->copies[list->copy_count++] = (packed_copy){weight, packing, *copy};
  list->node = to->node;
  list->kernel = to->kernel;
  return packing->launch(weight, *copy, list, error);
}

static bool writes(const node *node, const tensor *weight) {
  for (int i = 0; i < node->input_count; i++)
    if ((node->writes >> i & 1) && node->inputs[i] && share_bytes(node->inputs[i], weight)) return true;
  return false;
}

void packing_forget(launches *launches, const node *node) {
  int kept = 0;
  for (int i = 0; i < launches->copy_count; i++)
    if (!writes(node, launches->copies[i].weight)) launches->copies[kept++] = launches->copies[i];
  launches->copy_count = kept;
}

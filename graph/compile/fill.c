// fill.c: passes that let a node go into the slot that one beside it offers.
#include <stdio.h>
#include <string.h>

#include "graph/compile/passes.h"
#include "shaders/types.h"

// How many inputs of living nodes take `tensor`; a tensor that the host reads counts as taken once more.
static int count_uses(const graph *graph, const tensor *tensor) {
  int uses = tensor->keep;
  for (int i = 0; i < graph->node_count; i++) {
    const node *node = graph->nodes[i];
    for (int k = 0; k < node->input_count && !node->removed; k++) uses += node->inputs[k] == tensor;
  }
  return uses;
}

// The node that makes `tensor` if nothing else takes it, so that the two can become one.
static node *sole_producer(const graph *graph, const tensor *tensor) {
  if (!tensor->producer || tensor->producer->removed || count_uses(graph, tensor) != 1) return NULL;
  if (tensor->producer->outputs[0] != tensor) return NULL;
  return tensor->producer;
}

static epilogue *epilogue_of(node *node) { return (epilogue *)(void *)node->attributes; }

// Some nodes of an op end before the place of a slot.
static bool has_slot(const node *node, slot slot) {
  return node->op->slots[slot] && node->op->slots[slot] < node->input_count;
}

static bool is_filled(const node *node, slot slot) { return has_slot(node, slot) && node->inputs[node->op->slots[slot]]; }
static bool is_free(const node *node, slot slot) { return has_slot(node, slot) && !node->inputs[node->op->slots[slot]]; }

static bool offers(const graph *graph, const node *node, slot slot) {
  return node->op->slots[slot] && (!node->op->offers || node->op->offers(graph, node, slot));
}

// Does the node write its activation as it is, so that a pass may still add, scale or pool it?
static bool ends_with_activation(node *node) {
  bool pooled = node->op->slots[SLOT_POOL] && !shape_equal(node->outputs[0]->shape, node->inputs[0]->shape);
  return !pooled && !is_filled(node, SLOT_RESIDUAL) && !is_filled(node, SLOT_SCALE) && epilogue_of(node)->scale == 1;
}

static bool is_ready_before(const tensor *tensor, const node *node) {
  return !tensor || !tensor->producer || tensor->producer->index < node->index;
}

// `front` takes over `node`'s output and `node` goes.
static void absorb(node *front, node *node) {
  front->outputs[0] = node->outputs[0];
  front->outputs[0]->producer = front;
  node->removed = true;
}

void fill_second(graph *graph, node *node) {
  if (!is_free(node, SLOT_SECOND)) return;
  struct node *front = node->inputs[0]->producer;
  if (!front || front->op->fills != SLOT_SECOND) return;
  tensor *whole = node->inputs[0];
  if (node->op->take && !node->op->take(graph, node, SLOT_SECOND, front)) return;
  node->inputs[0] = front->inputs[0];
  node->inputs[node->op->slots[SLOT_SECOND]] = front->inputs[1];
  if (count_uses(graph, whole) == 0) front->removed = true;
}

// Where nothing else takes what the other makes.
void fill_load(graph *graph, node *node) {
  if (!node->op->slots[SLOT_LOAD]) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || front->op->fills != SLOT_LOAD || !node->op->take(graph, node, SLOT_LOAD, front)) return;
  node->inputs[0] = front->inputs[0];
  front->removed = true;
}

// The node whose linear output `node` takes, if it has a weight.
static node *weight_before(const graph *graph, const node *node) {
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->slots[SLOT_WEIGHT]) return NULL;
  return epilogue_of(front)->activation == ACTIVATION_NONE && ends_with_activation(front) ? front : NULL;
}

void fold(graph *graph, node *node) {
  struct node *front = node->op->fold ? weight_before(graph, node) : NULL;
  if (!front) return;
  tensor **weight = &front->inputs[front->op->slots[SLOT_WEIGHT]];
  stage stage = graph->stage;
  char scope[sizeof graph->scope];
  memcpy(scope, graph->scope, sizeof scope);
  graph->stage = STAGE_PREPARE;
  snprintf(graph->scope, sizeof graph->scope, "%s", node->label);  // debuggers show which layer's weights these are
  if (node->op->fold(graph, node, weight, weight + 1)) {
    *epilogue_of(front) = *epilogue_of(node);  // the node's own may have taken an activation in already
    absorb(front, node);
  }
  graph->stage = stage;
  memcpy(graph->scope, scope, sizeof scope);
}

void fill_activation(graph *graph, node *node) {
  if (node->op->fills != SLOT_ACTIVATION) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->slots[SLOT_ACTIVATION]) return;
  if (graph->train && node->outputs[0]->requires_grad && !front->op->differentiates_activation) return;
  if (epilogue_of(front)->activation != ACTIVATION_NONE || !ends_with_activation(front)) return;
  epilogue_of(front)->activation = epilogue_of(node)->activation;
  absorb(front, node);
}

// (a + a) · scale, where `a` is a sum already: its own factor.
static void fill_factor(graph *graph, node *node) {
  struct node *front = node->inputs[0]->producer;
  if (!front || front->removed || count_uses(graph, node->inputs[0]) != 2 || !is_filled(front, SLOT_RESIDUAL)) return;
  epilogue_of(front)->scale *= 2 * epilogue_of(node)->scale;
  absorb(front, node);
}

// Nodes with an epilogue write their outputs and nothing else: they may be passed.
static bool only_epilogues_between(const graph *graph, const node *first, const node *last) {
  for (int i = first->index + 1; i < last->index; i++)
    if (!graph->nodes[i]->removed && !graph->nodes[i]->op->slots[SLOT_ACTIVATION]) return false;
  return true;
}

// (conv(…) + b) · scale: the convolution moves to the place of the sum, after the node that makes `b`.
static void fill_residual_late(graph *graph, node *node) {
  struct node *early = sole_producer(graph, node->inputs[0]);
  if (!early || !is_free(early, SLOT_RESIDUAL) || !ends_with_activation(early) || !offers(graph, early, SLOT_RESIDUAL)) return;
  if (early->stage != node->stage || early->output_count > 1 || !only_epilogues_between(graph, early, node)) return;
  tensor *residual = node->inputs[1];
  float scale = epilogue_of(node)->scale;
  node->op = early->op;
  memcpy(node->label, early->label, sizeof node->label);
  memcpy(node->inputs, early->inputs, sizeof node->inputs);
  memcpy(node->attributes, early->attributes, sizeof node->attributes);
  node->input_count = early->input_count;
  node->writes = early->writes;
  node->inputs[node->op->slots[SLOT_RESIDUAL]] = residual;
  epilogue_of(node)->scale = scale;
  early->removed = true;
}

// (a + conv(…)) · scale, where `a` is ready before the convolution runs; in what makes `a`, where that is later or the
// convolution does not offer the place.
void fill_residual(graph *graph, node *node) {
  if (node->op->fills != SLOT_RESIDUAL) return;
  if (node->inputs[0] == node->inputs[1]) {
    fill_factor(graph, node);
    return;
  }
  struct node *front = sole_producer(graph, node->inputs[1]);
  if (!front || !is_free(front, SLOT_RESIDUAL) || !ends_with_activation(front)) return;
  if (!offers(graph, front, SLOT_RESIDUAL) || !is_ready_before(node->inputs[0], front)) {
    fill_residual_late(graph, node);
    return;
  }
  front->inputs[front->op->slots[SLOT_RESIDUAL]] = node->inputs[0];
  epilogue_of(front)->scale = epilogue_of(node)->scale;
  absorb(front, node);
}

void drop_bias_gradient(graph *graph, node *node) {
  struct node *front = node->op->cancels_bias && node->op->cancels_bias(node) ? weight_before(graph, node) : NULL;
  if (front) front->without_gradient |= 1u << (front->op->slots[SLOT_WEIGHT] + 1);
}

void fill_scale(graph *graph, node *node) {
  if (node->op->fills != SLOT_SCALE) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !is_free(front, SLOT_SCALE) || !ends_with_activation(front)) return;
  tensor **slots = front->inputs + front->op->slots[SLOT_SCALE];
  int room = front->input_count - front->op->slots[SLOT_SCALE];
  for (int i = 1; i < node->input_count; i++)
    if (node->inputs[i] && (i > room || slots[i - 1] || !is_ready_before(node->inputs[i], front))) return;
  if (front->op->take && !front->op->take(graph, front, SLOT_SCALE, node)) return;
  for (int i = 1; i < node->input_count; i++)
    if (node->inputs[i]) slots[i - 1] = node->inputs[i];
  absorb(front, node);
}

void fill_term(graph *graph, node *node) {
  if (!is_free(node, SLOT_TERM)) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || front->op->fills != SLOT_SCALE || !node->op->take(graph, node, SLOT_TERM, front)) return;
  tensor **slots = node->inputs + node->op->slots[SLOT_TERM];
  for (int i = 1; i < front->input_count; i++) slots[i - 1] = front->inputs[i];
  node->inputs[0] = front->inputs[0];
  front->removed = true;
}

void fill_pool(graph *graph, node *node) {
  if (node->op->fills != SLOT_POOL) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (front && offers(graph, front, SLOT_POOL) && ends_with_activation(front)) absorb(front, node);
}

void fill_mean(graph *graph, node *node) {
  if (node->op->fills != SLOT_MEAN) return;
  struct node *front = node->inputs[0]->producer;
  if (!front || front->removed || !offers(graph, front, SLOT_MEAN)) return;
  epilogue_of(front)->activation = epilogue_of(node)->activation;
  front->outputs[front->output_count++] = node->outputs[0];
  node->outputs[0]->producer = front;
  node->removed = true;
}

// Only if nothing runs between the two: it would read the step too.
void fill_advance(graph *graph, node *node) {
  if (node->op->fills != SLOT_ADVANCE) return;
  int i = node->index - 1;
  while (i >= 0 && graph->nodes[i]->removed) i--;
  struct node *front = i < 0 ? NULL : graph->nodes[i];
  if (!front || !front->op->slots[SLOT_ADVANCE] || front->stage != node->stage) return;
  node->removed = front->op->take(graph, front, SLOT_ADVANCE, node);
}

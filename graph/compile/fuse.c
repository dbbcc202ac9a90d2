// fuse.c: the rewrite rules. Each looks at one node; most look at the node that makes one of its inputs too and let one of the two
// do the work of both, others look for an earlier node of the same kind that can share a dispatch with it.
#include "graph/compile/fuse.h"

#include <stdio.h>
#include <string.h>

#include "graph/ops/conv_weight_gradient.h"
#include "graph/ops/gradient_ops.h"
#include "graph/ops/ops.h"

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

// What the node has at that place of its inputs, if it has the place: some nodes of an op end before it.
static tensor *input_at(const node *node, int place) {
  return place && place < node->input_count ? node->inputs[place] : NULL;
}

static bool has_free_input(const node *node, int place) {
  return place && place < node->input_count && !node->inputs[place];
}

// Does the node write its activation as it is, so that a rule may still add, scale or pool it?
static bool ends_with_activation(node *node) {
  const op *op = node->op;
  if (op == &batch_norm_op && !shape_equal(node->outputs[0]->shape, node->inputs[0]->shape)) return false;  // pooled
  return !input_at(node, op->residual_input) && !input_at(node, op->scale_input) && epilogue_of(node)->scale == 1;
}

static bool rejects_residual(const graph *graph, const node *node) {
  return node->op->rejects_residual && node->op->rejects_residual(graph, node);
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

static void fuse_concat(graph *graph, node *node) {
  const op *op = node->op;
  if (!op->second_input || node->inputs[op->second_input]) return;
  struct node *front = node->inputs[0]->producer;
  if (!front || front->op != &concat_op) return;
  struct tensor *whole = node->inputs[0];
  if (op->prepare_second && !op->prepare_second(graph, node, front->inputs[0], front->inputs[1])) return;
  node->inputs[0] = front->inputs[0];
  node->inputs[op->second_input] = front->inputs[1];
  if (count_uses(graph, whole) == 0) front->removed = true;
}

// Only where statistics are fixed: the node then has no tensors of its own beside its output.
static void fuse_batch_norm(graph *graph, node *node) {
  if (node->op != &batch_norm_op || node->output_count != 1) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->weight_input) return;
  if (epilogue_of(front)->activation != ACTIVATION_NONE || !ends_with_activation(front)) return;
  tensor **weight = &front->inputs[front->op->weight_input];
  phase phase = graph->phase;
  char scope[sizeof graph->scope];
  memcpy(scope, graph->scope, sizeof scope);
  graph->phase = PHASE_ONCE;
  snprintf(graph->scope, sizeof graph->scope, "%s", node->label);  // debuggers show which layer's weights these are
  if (batch_norm_fold(graph, weight, weight + 1, &node->inputs[1])) {
    *epilogue_of(front) = *epilogue_of(node);  // the node's own may have taken an activation in already
    absorb(front, node);
  }
  graph->phase = phase;
  memcpy(graph->scope, scope, sizeof scope);
}

static void fuse_activation(graph *graph, node *node) {
  if (node->op != &activation_op) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->has_epilogue) return;
  if (graph->train && node->outputs[0]->requires_grad && !front->op->differentiates_activation) return;
  epilogue *before = epilogue_of(front);
  if (before->activation != ACTIVATION_NONE || !ends_with_activation(front)) return;
  before->activation = epilogue_of(node)->activation;
  absorb(front, node);
}

// (a + a) · scale, where `a` is a sum already: its own factor.
static void fuse_factor(graph *graph, node *node) {
  struct node *front = node->inputs[0]->producer;
  if (!front || front->removed || count_uses(graph, node->inputs[0]) != 2) return;
  if (!input_at(front, front->op->residual_input)) return;
  epilogue_of(front)->scale *= 2 * epilogue_of(node)->scale;
  absorb(front, node);
}

// Nodes with an epilogue write their outputs and nothing else: they may be passed.
static bool only_epilogues_between(const graph *graph, const node *first, const node *last) {
  for (int i = first->index + 1; i < last->index; i++)
    if (!graph->nodes[i]->removed && !graph->nodes[i]->op->has_epilogue) return false;
  return true;
}

// (conv(…) + b) · scale: the convolution moves to the place of the sum, after the node that makes `b`.
static void fuse_add_late(graph *graph, node *node) {
  struct node *early = sole_producer(graph, node->inputs[0]);
  if (!early || !has_free_input(early, early->op->residual_input) || !ends_with_activation(early)) return;
  if (rejects_residual(graph, early)) return;
  if (early->phase != node->phase || early->output_count > 1 || !only_epilogues_between(graph, early, node)) return;
  tensor *residual = node->inputs[1];
  float scale = epilogue_of(node)->scale;
  node->op = early->op;
  node->writes = early->writes;
  memcpy(node->label, early->label, sizeof node->label);
  memcpy(node->inputs, early->inputs, sizeof node->inputs);
  memcpy(node->attributes, early->attributes, sizeof node->attributes);
  node->input_count = early->input_count;
  node->inputs[node->op->residual_input] = residual;
  epilogue_of(node)->scale = scale;
  early->removed = true;
}

// (a + conv(…)) · scale, where `a` is ready before the convolution runs, or what else has such an epilogue.
static void fuse_add(graph *graph, node *node) {
  if (node->op != &add_op) return;
  if (node->inputs[0] == node->inputs[1]) {
    fuse_factor(graph, node);
    return;
  }
  struct node *front = sole_producer(graph, node->inputs[1]);
  if (!front || !has_free_input(front, front->op->residual_input) || !ends_with_activation(front)) return;
  if (rejects_residual(graph, front)) {
    fuse_add_late(graph, node);
    return;
  }
  if (!is_ready_before(node->inputs[0], front)) return;
  front->inputs[front->op->residual_input] = node->inputs[0];
  epilogue_of(front)->scale = epilogue_of(node)->scale;
  absorb(front, node);
}

// A norm that subtracts the batch's mean makes Σ dx over the batch zero: the bias before it has no gradient.
static void fuse_bias(graph *graph, node *node) {
  if (node->op != &batch_norm_op || node->output_count == 1) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->weight_input) return;
  if (epilogue_of(front)->activation != ACTIVATION_NONE || !ends_with_activation(front)) return;
  front->without_gradient |= 1u << (front->op->weight_input + 1);
}

// Joins the node to an earlier one. Parameters do not change before the last gradient is made.
static void fuse_transpose(graph *graph, node *node) {
  if (node->op != &weight_transpose_op || node->inputs[0]->kind != TENSOR_PARAMETER || !node->inputs[0]->home.bytes)
    return;
  for (int i = 0; i < node->index; i++) {
    struct node *first = graph->nodes[i];
    bool fits = first->op == node->op && !first->removed && first->inputs[0]->kind == TENSOR_PARAMETER;
    if (fits && weight_transpose_join(graph, first, node)) return;
  }
}

// Nothing reads a parameter's gradient before all are made, so the earlier of two may be made as late as the other.
static void fuse_weight_gradient(graph *graph, node *node) {
  if (node->op != &conv_weight_gradient_op) return;
  for (int i = node->index - 1; i >= 0; i--)
    if (!graph->nodes[i]->removed && conv_weight_gradient_join(graph, node, graph->nodes[i])) return;
}

// The two follow one another directly, as backward rules append them.
static void fuse_split(graph *graph, node *node) {
  if (node->op != &conv_op && node->op != &conv_transpose_data_gradient_op) return;
  struct node *first = node->index ? graph->nodes[node->index - 1] : NULL;
  if (!first || first->op != node->op || first->removed || first->phase != node->phase) return;
  if (node->op == &conv_op)
    conv_join_gradients(graph, first, node);
  else
    conv_transpose_join_gradients(graph, first, node);
}

// Whether the node takes what `tensor` is or, at a home of its own, overlaps.
static bool touches(const node *node, const tensor *tensor) {
  for (int i = 0; i < node->input_count; i++) {
    const struct tensor *input = node->inputs[i];
    if (!input) continue;
    const binding *a = &input->home, *b = &tensor->home;
    if (input == tensor || (a->bytes && b->bytes && a->buffer == b->buffer && a->offset < b->offset + b->bytes &&
                            b->offset < a->offset + a->bytes))
      return true;
  }
  return false;
}

// Whether the node's inputs are what they are going to be when `first` runs: made, and not updated in place after it.
static bool could_run_at(const graph *graph, const node *node, const struct node *first) {
  for (int i = 0; i < node->input_count; i++) {
    if (!is_ready_before(node->inputs[i], first)) return false;
    for (int k = first->index; k < node->index && node->inputs[i]; k++) {
      const struct node *between = graph->nodes[k];
      if (!between->removed && !is_linear(between) && touches(between, node->inputs[i])) return false;
    }
  }
  return true;
}

static void fuse_linear(graph *graph, node *node) {
  if (!is_linear(node)) return;
  for (int i = 0; i < node->index; i++) {
    struct node *first = graph->nodes[i];
    bool fits = first->op == node->op && !first->removed && first->phase == node->phase;
    if (fits && could_run_at(graph, node, first) && linear_join(graph, first, node)) return;
  }
}

static void fuse_scale(graph *graph, node *node) {
  if (node->op != &scale_shift_op) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !has_free_input(front, front->op->scale_input) || !ends_with_activation(front)) return;
  int place = front->op->scale_input - 1;  // of the node's own first input, which becomes the front
  for (int i = 1; i < node->input_count; i++)
    if (node->inputs[i] && (!has_free_input(front, place + i) || !is_ready_before(node->inputs[i], front))) return;
  for (int i = 1; i < node->input_count; i++)
    if (node->inputs[i]) front->inputs[place + i] = node->inputs[i];
  absorb(front, node);
}

// Only where the norm finds its own statistics, beside its output.
static void fuse_max_pool(graph *graph, node *node) {
  if (node->op != &max_pool_op) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || front->op != &batch_norm_op || front->output_count == 1 || !ends_with_activation(front)) return;
  absorb(front, node);
}

// The kernel for both walks over an image with one invocation.
static void fuse_pool(graph *graph, node *node) {
  (void)graph;
  if (node->op != &mean_pool_op) return;
  struct node *front = node->inputs[0]->producer;
  shape s = node->inputs[0]->shape;
  if (!front || front->op != &max_pool_op || front->removed || front->output_count > 1 || s.h * s.w > 64) return;
  epilogue_of(front)->activation = epilogue_of(node)->activation;
  front->outputs[front->output_count++] = node->outputs[0];
  node->outputs[0]->producer = front;
  node->removed = true;
}

// Only if nothing runs between the two: it would read the index too.
static void fuse_advance(graph *graph, node *node) {
  if (node->op != &step_advance_op) return;
  int i = node->index - 1;
  while (i >= 0 && graph->nodes[i]->removed) i--;
  struct node *front = i < 0 ? NULL : graph->nodes[i];
  if (!front || front->op != &sampler_update_op || front->phase != node->phase) return;
  if (sampler_update_advance(front, node->inputs[0])) node->removed = true;
}

static void fuse_loss(graph *graph, node *node) {
  if (node->op != &train_control_op) return;
  struct node *front = sole_producer(graph, node->inputs[TRAIN_CONTROL_LOSS]);
  if (front && (front->op == &mse_op || front->op == &cross_entropy_op)) train_control_add_loss(node, front);
}

mote_status fuse(graph *graph, unsigned rules, mote_error *error) {
  static const struct {
    unsigned bit;
    void (*apply)(struct graph *graph, node *node);
  } all[] = {
      {FUSE_CONCAT, fuse_concat},
      {FUSE_BATCH_NORM, fuse_batch_norm},
      {FUSE_ACTIVATION, fuse_activation},
      {FUSE_ADD, fuse_add},
      {FUSE_BIAS, fuse_bias},
      {FUSE_TRANSPOSE, fuse_transpose},
      {FUSE_SCALE, fuse_scale},
      {FUSE_MAX_POOL, fuse_max_pool},
      {FUSE_POOL, fuse_pool},
      {FUSE_ADVANCE, fuse_advance},
      {FUSE_WEIGHT_GRADIENT, fuse_weight_gradient},
      {FUSE_SPLIT, fuse_split},
      {FUSE_LINEAR, fuse_linear},
      {FUSE_LOSS, fuse_loss},
  };
  for (size_t rule = 0; rule < sizeof all / sizeof *all; rule++)
    for (int i = 0, count = graph->node_count; i < count && (rules & all[rule].bit) && !graph->status; i++)
      if (!graph->nodes[i]->removed) all[rule].apply(graph, graph->nodes[i]);
  const mote_error found = graph->error;  // which `error` may be
  return graph->status ? fail(error, found.status, "%s", found.message) : MOTE_OK;
}

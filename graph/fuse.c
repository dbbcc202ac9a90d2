// fuse.c: the rewrite rules. Each looks at one node and the node that makes, or takes, one of its tensors.
#include "graph/fuse.h"

#include <stdio.h>
#include <string.h>

#include "graph/gradient_ops.h"
#include "graph/ops.h"
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
  return tensor->producer;
}

static epilogue *epilogue_of(node *node) { return (epilogue *)(void *)node->attributes; }

static bool keeps_apart(const graph *graph, const node *node) {
  return node->op->keeps_apart && node->op->keeps_apart(graph, node);
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
  if (!op->second_input || node->inputs[op->second_input] || keeps_apart(graph, node)) return;
  struct node *front = node->inputs[0]->producer;
  if (!front || front->op != &concat_op) return;
  struct tensor *whole = node->inputs[0];
  node->inputs[0] = front->inputs[0];
  node->inputs[op->second_input] = front->inputs[1];
  if (count_uses(graph, whole) == 0) front->removed = true;
}

// Only where statistics are fixed: the node then has no tensors of its own beside its output.
static void fuse_batch_norm(graph *graph, node *node) {
  if (node->op != &batch_norm_op || node->output_count != 1) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->weight_input) return;
  const epilogue *before = epilogue_of(front);
  bool has_residual = front->op->residual_input && front->inputs[front->op->residual_input];
  if (before->activation != ACTIVATION_NONE || has_residual || before->scale != 1) return;
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
  if (node->op != &gelu_op && node->op != &relu_op) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->has_epilogue) return;
  if (graph->train && node->outputs[0]->requires_grad && !front->op->differentiates_activation) return;
  bool has_residual = front->op->residual_input && front->inputs[front->op->residual_input];
  epilogue *before = epilogue_of(front);
  if (before->activation != ACTIVATION_NONE || has_residual || before->scale != 1) return;
  before->activation = node->op == &gelu_op ? ACTIVATION_GELU : ACTIVATION_RELU;
  absorb(front, node);
}

// (a + conv(…)) · scale, where `a` is ready before the convolution runs.
static void fuse_add(graph *graph, node *node) {
  if (node->op != &add_op) return;
  struct node *front = sole_producer(graph, node->inputs[1]);
  if (!front || !front->op->residual_input || front->inputs[front->op->residual_input]) return;
  if (keeps_apart(graph, front)) return;
  if (!is_ready_before(node->inputs[0], front)) return;
  if (epilogue_of(front)->scale != 1) return;
  front->inputs[front->op->residual_input] = node->inputs[0];
  epilogue_of(front)->scale = epilogue_of(node)->scale;
  absorb(front, node);
}

// Σ dx over the batch behind a norm that subtracts the batch's mean is zero.
static void fuse_bias(graph *graph, node *node) {
  if (node->op != &batch_norm_op || node->output_count == 1) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->weight_input) return;
  const epilogue *before = epilogue_of(front);
  bool has_residual = front->op->residual_input && front->inputs[front->op->residual_input];
  if (before->activation != ACTIVATION_NONE || has_residual) return;
  front->without_gradient |= 1u << (front->op->weight_input + 1);
}

// Joins the node to an earlier one. Parameters do not change before the last gradient is made.
static void fuse_turn(graph *graph, node *node) {
  if (node->op != &weight_transpose_op || node->inputs[0]->kind != TENSOR_PARAMETER || !node->inputs[0]->home.bytes)
    return;
  for (int i = 0; i < node->index; i++) {
    struct node *first = graph->nodes[i];
    bool fits = first->op == node->op && !first->removed && first->inputs[0]->kind == TENSOR_PARAMETER;
    if (fits && weight_transpose_join(graph, first, node)) return;
  }
}

static void fuse_scale(graph *graph, node *node) {
  if (node->op != &scale_shift_op) return;
  struct node *front = sole_producer(graph, node->inputs[0]);
  if (!front || !front->op->scale_input || front->inputs[front->op->scale_input]) return;
  for (int i = 1; i < node->input_count; i++)
    if (!is_ready_before(node->inputs[i], front)) return;
  for (int i = 1; i < node->input_count; i++) front->inputs[front->op->scale_input + i - 1] = node->inputs[i];
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

// Only directly behind: what runs between the two reads the index too.
static void fuse_advance(graph *graph, node *node) {
  if (node->op != &step_advance_op) return;
  int i = node->index - 1;
  while (i >= 0 && graph->nodes[i]->removed) i--;
  struct node *front = i < 0 ? NULL : graph->nodes[i];
  if (!front || front->op != &sampler_update_op || front->phase != node->phase) return;
  if (sampler_update_advance(front, node->inputs[0])) node->removed = true;
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
      {FUSE_TURN, fuse_turn},
      {FUSE_SCALE, fuse_scale},
      {FUSE_POOL, fuse_pool},
      {FUSE_ADVANCE, fuse_advance},
  };
  for (size_t rule = 0; rule < sizeof all / sizeof *all; rule++)
    for (int i = 0, count = graph->node_count; i < count && (rules & all[rule].bit) && !graph->status; i++)
      if (!graph->nodes[i]->removed) all[rule].apply(graph, graph->nodes[i]);
  const mote_error found = graph->error;  // which `error` may be
  return graph->status ? fail(error, found.status, "%s", found.message) : MOTE_OK;
}

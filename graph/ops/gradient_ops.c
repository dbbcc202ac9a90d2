// gradient_ops.c: nodes and dispatches that several backward rules share.
#include "graph/ops/gradient_ops.h"

#include "graph/ir/views.h"
#include "graph/kernels/norm_lanes.h"
#include "shaders/channel_sum.h"
#include "shaders/weight_transpose.h"

void graph_add_gradient(graph *graph, tensor *of, tensor *d) {
  if (!of || !d || !of->requires_grad) return;
  of->grad = of->grad ? add(graph, of->grad, d, 1) : d;
}

double loss_share(const node *loss) { return ((const loss_attributes *)(const void *)loss->attributes)->share; }

// ---------------------------------------------------------------------------------------------------------------------
// channel_sum

mote_status channel_sum_launch(tensor *dy, tensor *sum, launches *to, mote_error *error) {
  shape s = dy->shape;
  uint lanes = norm_lanes(to->caps, dy, MOST_LANES);
  struct channel_sum_parameters push = {.batch = (uint)s.n,
                                        .channel_blocks = (uint)round_up(s.c, 8) / 8,
                                        .pixels = (uint)(s.h * s.w),
                                        .columns = norm_columns(lanes, s.h * s.w)};
  launch launch = {.shader = VECTOR_SHADER(to->caps, "channel_sum", dy),
               .spec = {[CHANNEL_SUM_LANES] = lanes},
               .spec_count = 1,
               .bindings = {dy, sum},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.channel_blocks, 1, launch.groups);
  return launches_add(to, &launch, error);
}

static mote_status channel_sum_forward(const node *node, launches *to, mote_error *error) {
  return channel_sum_launch(node->inputs[0], node->outputs[0], to, error);
}

const op channel_sum_op = {.name = "channel_sum", .forward = channel_sum_forward};

tensor *channel_sum(graph *graph, tensor *dy) {
  node *node = graph_append(graph, &channel_sum_op, &dy, 1, 0, NULL, 0);
  return node ? node_output(graph, node, (shape){1, dy->shape.c, 1, 1}, LAYOUT_C8) : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// weight_transpose

typedef struct weight_transpose_attributes {
  uint32_t flips;  // a bit a weight
} weight_transpose_attributes;
_Static_assert(WEIGHT_TRANSPOSE_COUNT <= MAX_INPUTS && WEIGHT_TRANSPOSE_COUNT <= MAX_OUTPUTS, "a node holds all weights");

static mote_status weight_transpose_forward(const node *node, launches *to, mote_error *error) {
  const weight_transpose_attributes *attributes = (const void *)node->attributes;
  tensor *weights, *whole, *table;
  TRY(launches_bind(to, node->inputs, node->input_count, &weights, error));
  TRY(launches_bind(to, node->outputs, node->output_count, &whole, error));
  TRY(launches_table(to, node->input_count * WEIGHT_TRANSPOSE_WORDS, &table, error));  // a row a weight
  launch launch = {.shader = VECTOR_SHADER(to->caps, "weight_transpose", weights),
               .bindings = {weights, whole, table},
               .binding_count = 3,
               .groups = {0, 0, (uint)node->input_count}};
  for (int i = 0; i < node->input_count; i++) {
    const tensor *output = node->outputs[i];
    shape transposed = output->shape;  // (C, O, k, k)
    uint *words = table->contents + i * WEIGHT_TRANSPOSE_WORDS;
    words[WEIGHT_TRANSPOSE_FROM] = share_offset(weights, node->inputs[i]);
    words[WEIGHT_TRANSPOSE_TO] = share_offset(whole, output);
    words[WEIGHT_TRANSPOSE_QUADS] = (uint)round_up(transposed.c, 8) / 4 | (uint)round_up(transposed.n, 8) / 4 << 16;
    words[WEIGHT_TRANSPOSE_TAPS] = (uint)(transposed.h * transposed.w) | (attributes->flips >> i & 1) << 16;
    uint across = (uint)(transposed.c + 31) / 32, along = (uint)(transposed.n + 7) / 8;
    if (across > launch.groups[0]) launch.groups[0] = across;
    if (along > launch.groups[1]) launch.groups[1] = along;
  }
  return launches_add(to, &launch, error);
}

static bool lies_in_buffer(const tensor *weight) { return weight->kind == TENSOR_PARAMETER && weight->home.bytes; }

static bool transposes_fit(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  (void)pairs;
  return lies_in_buffer(first->inputs[0]) && lies_in_buffer(other->inputs[0]) && first->input_count < WEIGHT_TRANSPOSE_COUNT &&
         share_fits(graph, first->inputs, first->input_count, other->inputs[0]) &&
         share_fits(graph, first->outputs, first->output_count, other->outputs[0]);
}

static bool join_transposes(graph *graph, node *first, node *other) {
  weight_transpose_attributes *a = (void *)first->attributes;
  const weight_transpose_attributes *from = (const void *)other->attributes;
  if (!share_add(graph, first->inputs[0], other->inputs[0]) || !share_add(graph, first->outputs[0], other->outputs[0])) return false;
  a->flips |= from->flips << first->input_count;
  first->inputs[first->input_count++] = other->inputs[0];
  first->outputs[first->output_count++] = other->outputs[0];
  other->outputs[0]->producer = first;
  return true;
}

static const join join_weight_transposes = {JOIN_EARLIER, transposes_fit, join_transposes};
const op weight_transpose_op = {
    .name = "weight_transpose", .forward = weight_transpose_forward, .join = &join_weight_transposes};

tensor *weight_transpose(graph *graph, tensor *weight, bool flip) {
  const weight_transpose_attributes attributes = {.flips = flip};
  node *node = graph_append(graph, &weight_transpose_op, &weight, 1, 0, &attributes, sizeof attributes);
  if (!node) return NULL;
  shape w = weight->shape;
  shape transposed = weight->layout == LAYOUT_WEIGHT_TRANSPOSED ? w : (shape){w.c, w.n, w.h, w.w};
  return node_output(graph, node, transposed, LAYOUT_WEIGHT);
}

// ---------------------------------------------------------------------------------------------------------------------
// Data gradients

static bool can_be_part(const tensor *tensor) {
  return tensor->kind == TENSOR_ACTIVATION && !tensor->keep && !tensor->view_of;
}

bool data_gradients_fit(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  tensor *dx = first->outputs[0], *second = other->outputs[0];
  *pairs = (join_pairs){{{dx, second}}, 1};
  return can_be_part(dx) && can_be_part(second) && share_fits(graph, &dx, 1, second);
}

bool data_gradients_join(graph *graph, node *first, node *other) {
  tensor *second = other->outputs[0];
  if (!share_add(graph, first->outputs[0], second)) return false;
  first->outputs[first->output_count++] = second;
  second->producer = first;
  return true;
}

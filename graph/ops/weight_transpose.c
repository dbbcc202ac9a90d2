// weight_transpose.c: weights as data gradients take them. A node works on one weight, or on several that were joined.
#include "shaders/weight_transpose.h"

#include "graph/ir/views.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"

typedef struct weight_transpose_attributes {
  uint32_t flips;  // a bit a weight
} weight_transpose_attributes;
_Static_assert(WEIGHT_TRANSPOSE_COUNT <= MAX_INPUTS && WEIGHT_TRANSPOSE_COUNT <= MAX_OUTPUTS, "a node holds all weights");

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const weight_transpose_attributes *attributes = (const void *)node->attributes;
  tensor *weights, *whole, *table;
  TRY(launches_bind(to, node->inputs, node->input_count, &weights, error));
  TRY(launches_bind(to, node->outputs, node->output_count, &whole, error));
  TRY(launches_table(to, node->input_count * WEIGHT_TRANSPOSE_WORDS, &table, error));  // a row a weight
  launch launch = {.shader = to->kernel->name,
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

// One view holds all weights.
static bool fits_texels(const device_caps *caps, const node *node) {
  size_t begin = SIZE_MAX, end = 0;
  for (int i = 0; i < node->input_count; i++) {
    const tensor *weight = node->inputs[i];
    if (weight->home.offset < begin) begin = weight->home.offset;
    if (weight->home.offset + tensor_bytes(weight) > end) end = weight->home.offset + tensor_bytes(weight);
  }
  return (end - begin) / 16 <= caps->max_texel_elements;
}

const op weight_transpose_op = {.name = "weight_transpose",
                                .kernels = KERNELS({"weight_transpose_texel", MOTE_KERNELS_TEXEL, fits_texels, forward},
                                                   {"weight_transpose", MOTE_KERNELS_PLAIN, NULL, forward}),
                                .joins = {&join_weight_transposes}};

// A weight (O, C, k, k), or of a transposed convolution (C, O, k, k), with channels exchanged as (C, O, k, k) WEIGHT; `flip`: the kernel
// rotated by half a circle. Of a parameter that does not learn it is made when weights have changed, as other packed copies are.
tensor *weight_transpose(graph *graph, tensor *weight, bool flip) {
  const weight_transpose_attributes attributes = {.flips = flip};
  node *node = graph_append(graph, &weight_transpose_op, &weight, 1, 0, &attributes, sizeof attributes);
  if (!node) return NULL;
  if (weight->kind == TENSOR_PARAMETER && !weight->requires_grad) node->stage = STAGE_PREPARE;
  shape w = weight->shape;
  shape transposed = weight->role == ROLE_WEIGHT_TRANSPOSED ? w : (shape){w.c, w.n, w.h, w.w};
  return node_output(graph, node, transposed, ROLE_WEIGHT);
}

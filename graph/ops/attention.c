// attention.c: attention of an image's pixels to each other, head by head (Vaswani et al. 2017), without a matrix of all pairs in
// memory (Dao et al. 2022, "FlashAttention").
#include "shaders/attention.h"

#include <math.h>

#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"

enum { Q, K, V, INPUT_COUNT };
enum { Y, LSE };  // the second where a backward pass asks for it

enum {
  MOST_QUADS = 16,  // that an invocation of a plain kernel makes: a larger head is made in parts, which all compare its pixels
  KEPT_QUADS = 4    // that those for CPU drivers keep in registers
};

typedef struct attention_attributes {
  uint32_t heads;
} attention_attributes;

static int heads_of(const node *node) { return (int)((const attention_attributes *)(const void *)node->attributes)->heads; }

// q, k and v (N, C, H, W), C a multiple of `heads`, give softmax(q · kᵀ / √(C / heads)) · v, where pixels are rows.
tensor *attention(graph *graph, tensor *q, tensor *k, tensor *v, int heads) {
  if (!q || !k || !v) return NULL;
  if (q->role != ROLE_ACTIVATION || k->role != q->role || v->role != q->role || !shape_equal(q->shape, k->shape) ||
      !shape_equal(q->shape, v->shape) || heads < 1 || q->shape.c % heads)
    return graph_fail(graph, "attention: %s, %s and %s do not fit, or not in %d heads", shape_format(q->shape).text,
                      shape_format(k->shape).text, shape_format(v->shape).text, heads);
  const attention_attributes attributes = {(uint32_t)heads};
  node *node = graph_append(graph, &attention_op, (tensor *[]){q, k, v}, INPUT_COUNT, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, q->shape, ROLE_ACTIVATION) : NULL;
}

static struct attention_parameters parameters_of(const node *node) {
  shape s = node->inputs[Q]->shape;
  int members = s.c / heads_of(node);
  return (struct attention_parameters){.batch = (uint)s.n,
                                       .blocks = (uint)round_up(s.c, 8) / 8,
                                       .pixels = (uint)(s.h * s.w),
                                       .heads = (uint)heads_of(node),
                                       .members = (uint)members,
                                       .scale = (float)(1.4426950408889634 / sqrt(members))};
}

// The most fours of channels that hold a head: see glsl/attention.glsl.
static uint head_quads(const struct attention_parameters *p) {
  uint most = 0;
  for (uint head = 0; head < p->heads; head++) {
    uint first = head * p->members, end = head + 1 == p->heads ? p->blocks * 8 : first + p->members;
    uint quads = (end - 1) / 4 - first / 4 + 1;
    if (quads > most) most = quads;
  }
  return most;
}

// Completes and appends a launch of an invocation for each pixel and head, which makes a part of the head.
static mote_status launch_plain(launch *launch, const struct attention_parameters *push, launches *to, mote_error *error) {
  uint quads = head_quads(push), parts = (quads + MOST_QUADS - 1) / MOST_QUADS;
  launch->spec[ATTENTION_QUADS] = (quads + parts - 1) / parts;
  spread((uint64_t)push->batch * push->heads * push->pixels, PLAIN_LOCAL_SIZE, launch->groups);
  launch->groups[2] = parts;
  return launches_add(to, launch, error);
}

// On CPU drivers a workgroup makes several pixels of a whole head: with the sums in registers 32, compared with eight at a time,
// otherwise 16 with 64.
static mote_status launch_texel(launch *launch, const struct attention_parameters *push, launches *to, mote_error *error) {
  uint quads = head_quads(push);
  bool kept = quads <= KEPT_QUADS;
  uint groups = kept ? 4 : 2;
  launch->spec[ATTENTION_QUADS] = kept ? quads : 0;
  launch->spec[ATTENTION_GROUPS] = groups;
  launch->spec[ATTENTION_TILE_GROUPS] = kept ? 1 : 8;
  launch->spec_count = 4;
  launch->groups[0] = (push->pixels + 8 * groups - 1) / (8 * groups);
  launch->groups[1] = push->batch * push->heads;
  return launches_add(to, launch, error);
}

static mote_status add_launch(launch *launch, const struct attention_parameters *push, launches *to, mote_error *error) {
  launch->push = push;
  launch->push_bytes = sizeof *push;
  return to->kernel->class == MOTE_KERNELS_TEXEL ? launch_texel(launch, push, to, error) : launch_plain(launch, push, to, error);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const struct attention_parameters push = parameters_of(node);
  tensor *const *in = node->inputs, *const *out = node->outputs;
  bool keep = node->output_count > LSE;
  launch launch = {.shader = to->kernel->name,
                   .spec = {[ATTENTION_KEEP] = keep},
                   .spec_count = 2,
                   // A binding must not be empty: where nothing is kept y is bound, which the shader then does not write there.
                   .bindings = {in[Q], in[K], in[V], out[Y], out[keep ? LSE : Y]},
                   .binding_count = 5};
  return add_launch(&launch, &push, to, error);
}

static bool fits_texel(const device_caps *caps, const node *node) {
  return convolves_texels(caps, (const tensor *const *)node->inputs, node->input_count);
}

static double pairs(const node *node) {
  shape s = node->inputs[Q]->shape;
  return (double)tensor_elements(node->inputs[Q]) * s.h * s.w;
}

static double multiply_adds(const node *node) { return 2 * pairs(node); }

// ---------------------------------------------------------------------------------------------------------------------
// Backward

enum { B_Q, B_K, B_V, B_Y, B_DY, B_LSE, B_INPUT_COUNT };
enum { B_DQ, B_DK, B_DV };

static mote_status backward_launches(const node *node, launches *to, mote_error *error) {
  const struct attention_parameters push = parameters_of(node);
  bool texel = to->kernel->class == MOTE_KERNELS_TEXEL;
  tensor *const *in = node->inputs, *const *out = node->outputs, *products;  // dy · y of each pixel and head
  TRY(launches_scratch(to, (int)(tensor_bytes(in[B_LSE]) / 4), &products, error));
  launch queries = {.shader = to->kernel->name,
                    .spec_count = 1,
                    .bindings = {in[B_Q], in[B_K], in[B_V], in[B_Y], in[B_DY], in[B_LSE], products, out[B_DQ]},
                    .binding_count = 8};
  TRY(add_launch(&queries, &push, to, error));
  launch keys = {.shader = texel ? "attention_backward_keys_texel" : "attention_backward_keys",
                 .spec_count = 1,
                 .bindings = {in[B_Q], in[B_K], in[B_V], in[B_DY], in[B_LSE], products, out[B_DK], out[B_DV]},
                 .binding_count = 8};
  return add_launch(&keys, &push, to, error);
}

// Products that both launches make anew among them.
static double backward_multiply_adds(const node *node) { return 7 * pairs(node); }

const op attention_backward_op = {.name = "attention_backward",
                                  .kernels =
                                      KERNELS({"attention_backward_texel", MOTE_KERNELS_TEXEL, fits_texel, backward_launches},
                                              {"attention_backward", MOTE_KERNELS_PLAIN, NULL, backward_launches}),
                                  .multiply_adds = backward_multiply_adds};

static void backward(graph *graph, node *forward) {
  tensor *const *in = forward->inputs, *y = forward->outputs[Y];
  shape heads = y->shape;
  heads.c = heads_of(forward);
  tensor *lse = node_output(graph, forward, heads, ROLE_ACTIVATION);
  tensor *inputs[B_INPUT_COUNT] = {in[Q], in[K], in[V], y, y->grad, lse};
  node *node = graph_append(graph, &attention_backward_op, inputs, B_INPUT_COUNT, 0, forward->attributes,
                            sizeof(attention_attributes));
  for (int i = 0; i < INPUT_COUNT && node; i++)
    graph_add_gradient(graph, in[i], node_output(graph, node, y->shape, ROLE_ACTIVATION));
}

const op attention_op = {.name = "attention",
                         .kernels = KERNELS({"attention_texel", MOTE_KERNELS_TEXEL, fits_texel, forward},
                                            {"attention", MOTE_KERNELS_PLAIN, NULL, forward}),
                         .backward = backward,
                         .multiply_adds = multiply_adds};

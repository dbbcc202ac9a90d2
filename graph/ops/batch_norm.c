// batch_norm.c: batch normalisation (Ioffe & Szegedy 2015) with PyTorch's constants.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/kernels/norm_lanes.h"
#include "graph/ops/ops.h"
#include "shaders/batch_norm.h"
#include "shaders/scale_shift.h"

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, INFERENCE_INPUT_COUNT };
enum { RESIDUAL = INFERENCE_INPUT_COUNT, SCALE, SHIFT, INPUT_COUNT };  // in training, put there by passes
enum { Y, MEAN, VARIANCE, BATCH_MEAN, BATCH_VARIANCE };  // all but Y in training only, the last two where gradients are taken too

// What a kernel keeps of the slices of images: `vectors` of four channels each.
static mote_status slices_scratch(const launches *to, shape x, int vectors, tensor **slices, mote_error *error) {
  return launches_scratch(to, (int)norm_slices(to->caps, x) * round_up(x.c, 8) * vectors, slices, error);
}

// What is done after the activation: where a pass gave the node max_pool's output, it pools.
static uint32_t find_follower(const node *node) {
  if (node->outputs[Y]->shape.h != node->inputs[X]->shape.h) return FOLLOWER_POOL;
  if (node->inputs[RESIDUAL]) return FOLLOWER_RESIDUAL;
  return node->inputs[SCALE] ? FOLLOWER_SCALE : FOLLOWER_NOTHING;
}

// One dispatch, or of several slices two: their sums, and what follows from them. `part`: which constant says which.
static mote_status dispatch_slices(const node *node, launches *to, launch *launch, int part, uint32_t channel_blocks,
                                   mote_error *error) {
  uint32_t slices = norm_slices(to->caps, node->inputs[X]->shape);
  spread((uint64_t)channel_blocks * slices, 1, launch->groups);
  launch->spec[part] = PART_WHOLE;
  if (slices == 1) return launches_add(to, launch, error);
  launch->spec[part] = PART_SUMS;
  TRY(launches_add(to, launch, error));
  launch->spec[part] = PART_RESULT;
  return launches_add(to, launch, error);
}

// A statistic of the batch is to the running one what a gradient is to a parameter: it lies beside the gradients, and an optimiser
// lets the running one follow it.
static bool add_statistic(graph *graph, node *node, tensor *running) {
  tensor *statistic = node_output(graph, node, running->shape, ROLE_ACTIVATION);
  if (statistic && running->kind == TENSOR_PARAMETER) running->grad = statistic;
  return statistic;
}

// x (N, C, H, W) gives its like. `train`: by mean and biased variance of this batch, which become outputs 1 and 2; in a graph for
// training outputs 3 and 4 are what the running ones are to follow, the mean and the unbiased variance. Else by the running ones.
tensor *batch_norm(graph *graph, tensor *x, const batch_norm_tensors *tensors, bool train) {
  if (!x || !tensors->gamma) return NULL;
  if (tensors->gamma->shape.c != x->shape.c || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "batch_norm: %s and %d weights do not fit", shape_format(x->shape).text,
                      tensors->gamma->shape.c);
  tensor *inputs[INPUT_COUNT] = {x, tensors->gamma, tensors->beta, tensors->running_mean, tensors->running_var};
  const epilogue attributes = {.scale = 1};
  node *node = graph_append(graph, &batch_norm_op, inputs, train ? INPUT_COUNT : INFERENCE_INPUT_COUNT,
                            1u << RESIDUAL | 1u << SCALE | 1u << SHIFT, &attributes, sizeof attributes);
  if (!node) return NULL;
  tensor *y = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  if (!train) return y;
  node_output(graph, node, (shape){1, x->shape.c, 1, 1}, ROLE_ACTIVATION);
  node_output(graph, node, (shape){1, x->shape.c, 1, 1}, ROLE_ACTIVATION);
  if (graph->train && !(add_statistic(graph, node, tensors->running_mean) && add_statistic(graph, node, tensors->running_var)))
    return NULL;
  return y;
}

static mote_status launch_train(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs, *const *out = node->outputs;
  shape x = in[X]->shape;
  uint lanes = norm_lanes(to->caps, in[X], MOST_LANES), follower = find_follower(node);
  int shared = x.h * x.w / (follower == FOLLOWER_POOL ? 4 : 1);  // pixels or squares of an image
  struct batch_norm_train_parameters push = {.batch = (uint)x.n,
                                             .channel_blocks = (uint)round_up(x.c, 8) / 8,
                                             .pixels = (uint)(x.h * x.w),
                                             .columns = norm_columns(lanes, shared),
                                             .slices = norm_slices(to->caps, x),
                                             .epsilon = 1e-5f,
                                             .factor = attributes->scale,
                                             .square_columns = (uint)x.w / 2};
  const bool kept = node->output_count > BATCH_MEAN;
  tensor *slices;
  TRY(slices_scratch(to, x, 3, &slices, error));
  launch launch = {.shader = to->kernel->name,
               .spec = {[BATCH_NORM_ACTIVATION] = attributes->activation,
                        [BATCH_NORM_LANES] = lanes,
                        [BATCH_NORM_FOLLOWER] = follower,
                        [BATCH_NORM_KEEP] = kept},
               .spec_count = 5,
               // Where the batch's statistics are not kept those of the norm stand for them; x for other tensors that are absent.
               .bindings = {in[X], in[GAMMA], in[BETA], out[MEAN], out[VARIANCE],
                            kept ? out[BATCH_MEAN] : out[MEAN], kept ? out[BATCH_VARIANCE] : out[VARIANCE], out[Y],
                            slices, in[RESIDUAL] ? in[RESIDUAL] : in[X], in[SCALE] ? in[SCALE] : in[X],
                            in[SHIFT] ? in[SHIFT] : in[X]},
               .binding_count = 12,
               .push = &push,
               .push_bytes = sizeof push};
  return dispatch_slices(node, to, &launch, BATCH_NORM_PART, push.channel_blocks, error);
}

static mote_status launch_inference(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  const tensor *x = node->inputs[X];
  struct batch_norm_parameters push = {.blocks = (uint)x->shape.n * (uint)round_up(x->shape.c, 8) / 8,
                                       .channel_quads = (uint)round_up(x->shape.c, 8) / 4,
                                       .pixels = (uint)(x->shape.h * x->shape.w),
                                       .epsilon = 1e-5f};
  launch launch = {.shader = to->kernel->name,
               .spec = {[BATCH_NORM_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {node->inputs[X], node->inputs[GAMMA], node->inputs[BETA], node->inputs[RUNNING_MEAN],
                            node->inputs[RUNNING_VAR], node->outputs[Y]},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * PLAIN_LOCAL_SIZE, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { B_X, B_DY, B_GAMMA, B_BETA, B_MEAN, B_VARIANCE, B_SCALE, B_INPUT_COUNT };
enum { B_DX, B_DGAMMA, B_DBETA, B_DSCALE, B_DSHIFT };  // the last two beside B_SCALE

static uint32_t find_follower_backward(const node *node) {
  if (node->inputs[B_DY]->shape.h != node->inputs[B_X]->shape.h) return FOLLOWER_POOL;
  return node->inputs[B_SCALE] ? FOLLOWER_SCALE : FOLLOWER_NOTHING;
}

static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs, *const *out = node->outputs;
  shape x = in[B_X]->shape;
  bool scaled = in[B_SCALE];
  uint lanes = norm_lanes(to->caps, in[B_X], MOST_LANES), follower = find_follower_backward(node);
  // What pairs of lanes share: pixels or squares of an image, or none, so that sums over an image stay within a pair.
  int shared = scaled ? 1 : x.h * x.w / (follower == FOLLOWER_POOL ? 4 : 1);
  struct batch_norm_train_parameters push = {.batch = (uint)x.n,
                                                .channel_blocks = (uint)round_up(x.c, 8) / 8,
                                                .pixels = (uint)(x.h * x.w),
                                                .columns = norm_columns(lanes, shared),
                                                .slices = norm_slices(to->caps, x),
                                                .epsilon = 1e-5f,
                                                .square_columns = (uint)x.w / 2};
  tensor *slices;
  TRY(slices_scratch(to, x, 2, &slices, error));
  launch launch = {.shader = to->kernel->name,
               .spec = {[BATCH_NORM_ACTIVATION] = attributes->activation,
                        [BATCH_NORM_LANES] = lanes,
                        [BATCH_NORM_FOLLOWER] = follower},
               .spec_count = 4,
               .bindings = {in[B_X], in[B_DY], in[B_GAMMA], in[B_BETA], in[B_MEAN], in[B_VARIANCE], out[B_DGAMMA],
                            out[B_DBETA], out[B_DX], slices, scaled ? in[B_SCALE] : in[B_X],
                            scaled ? out[B_DSCALE] : out[B_DX], scaled ? out[B_DSHIFT] : out[B_DX]},
               .binding_count = 13,
               .push = &push,
               .push_bytes = sizeof push};
  return dispatch_slices(node, to, &launch, BATCH_NORM_PART, push.channel_blocks, error);
}

const op batch_norm_backward_op = {.name = "batch_norm_backward", .kernels = VECTOR_KERNELS("batch_norm_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[X], *gamma = forward->inputs[GAMMA], *beta = forward->inputs[BETA];
  if (forward->output_count == 1) {
    graph_fail(graph, "%s: batch_norm by running statistics is not for training", forward->label);
    return;
  }
  if (forward->inputs[RESIDUAL]) {
    graph_fail(graph, "%s: no gradient goes through a residual after batch_norm", forward->label);
    return;
  }
  tensor *scale = forward->inputs[SCALE], *shift = forward->inputs[SHIFT];
  tensor *inputs[B_INPUT_COUNT] = {x,    forward->outputs[Y]->grad, gamma,
                                   beta, forward->outputs[MEAN],    forward->outputs[VARIANCE],
                                   scale};
  node *node = graph_append(graph, &batch_norm_backward_op, inputs, B_INPUT_COUNT, 1u << B_SCALE, forward->attributes,
                            sizeof(epilogue));
  if (!node) return;
  tensor *dx = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  tensor *dgamma = node_output(graph, node, gamma->shape, ROLE_ACTIVATION);
  tensor *dbeta = node_output(graph, node, beta->shape, ROLE_ACTIVATION);
  graph_add_gradient(graph, x, dx);
  graph_add_gradient(graph, gamma, dgamma);
  graph_add_gradient(graph, beta, dbeta);
  if (!scale) return;
  graph_add_gradient(graph, scale, node_output(graph, node, scale->shape, ROLE_ACTIVATION));
  graph_add_gradient(graph, shift, node_output(graph, node, shift->shape, ROLE_ACTIVATION));
}

// Statistics of the batch are outputs, beside the first.
static bool finds_statistics(const node *node) { return node->output_count > 1; }

static bool trains(const device_caps *caps, const node *node) {
  (void)caps;
  return finds_statistics(node);
}

static bool infers(const device_caps *caps, const node *node) { return !trains(caps, node); }
static bool trains_texels(const device_caps *caps, const node *node) { return trains(caps, node) && texels_hold(caps, node); }
static bool infers_texels(const device_caps *caps, const node *node) { return infers(caps, node) && texels_hold(caps, node); }

// Only the kernel that finds the statistics pools.
static bool offers(const graph *graph, const node *node, slot slot) {
  (void)graph;
  return slot != SLOT_POOL || finds_statistics(node);
}

// Of what scales after it, only the usual form.
static bool take_scale(graph *graph, node *node, slot slot, struct node *other) {
  (void)graph, (void)node, (void)slot;
  const scale_shift_attributes *scale = (const void *)other->attributes;
  return scale->form == SCALE_SHIFT_PAIR && scale->epilogue.activation == ACTIVATION_NONE;
}

static bool fold(graph *graph, const node *node, tensor **weight, tensor **bias) {
  return !finds_statistics(node) && batch_norm_fold(graph, weight, bias, &node->inputs[GAMMA]);
}

const op batch_norm_op = {.name = "batch_norm",
                          .kernels = KERNELS({"batch_norm_train_texel", MOTE_KERNELS_TEXEL, trains_texels, launch_train},
                                             {"batch_norm_train", MOTE_KERNELS_PLAIN, trains, launch_train},
                                             {"batch_norm_texel", MOTE_KERNELS_TEXEL, infers_texels, launch_inference},
                                             {"batch_norm", MOTE_KERNELS_PLAIN, infers, launch_inference}),
                          .backward = backward,
                          .slots = {[SLOT_ACTIVATION] = 1, [SLOT_RESIDUAL] = RESIDUAL, [SLOT_SCALE] = SCALE, [SLOT_POOL] = 1},
                          .offers = offers,
                          .take = take_scale,
                          .fold = fold,
                          .cancels_bias = finds_statistics,
                          .differentiates_activation = true};

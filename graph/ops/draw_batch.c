// draw_batch.c: a training batch, drawn, noised and labelled on the device.
#include "shaders/draw_batch.h"

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/train_state.h"

typedef struct draw_batch_attributes {
  int32_t prediction, shift, step_draws, apart, drawn_of;
  float context_drop, flip;
} draw_batch_attributes;

enum { PIXELS, CONTEXTS, NOISE, STATE, BEGINS, COUNT };
enum { X, TARGET, TIME, CONTEXT, WEIGHT, INDEX, ROW };

// Fills `out`; false if something failed before or the data does not fit.
bool draw_batch(graph *graph, const draw_batch_desc *desc, draw_batch_tensors *out) {
  *out = (draw_batch_tensors){0};
  if (!desc->pixels || !desc->contexts || !desc->noise || !desc->state || !desc->begins) return false;
  size_t bytes = (size_t)desc->contexts->shape.n * (size_t)(desc->channels * desc->height * desc->width);
  if (tensor_bytes(desc->pixels) < bytes || desc->batch < 1)
    return graph_fail(graph, "draw_batch: %d images of %d x %d pixels do not fit the data", desc->contexts->shape.n,
                      desc->width, desc->height);
  if (desc->drawn_of && (desc->contexts->shape.n < desc->batch || desc->contexts->shape.n & (desc->contexts->shape.n - 1)))
    return graph_fail(graph, "draw_batch: %d places do not take batches of %d", desc->contexts->shape.n, desc->batch);
  if (desc->begins->shape.c != desc->contexts->shape.c)
    return graph_fail(graph, "draw_batch: %d numbers do not tell the attributes of contexts of %d", desc->begins->shape.c,
                      desc->contexts->shape.c);
  const draw_batch_attributes attributes = {desc->prediction, desc->shift,        desc->step_draws,
                                            desc->apart,      desc->drawn_of,     desc->context_drop,
                                            desc->flip};
  tensor *inputs[COUNT] = {desc->pixels, desc->contexts, desc->noise, desc->state, desc->begins};
  node *node = graph_append(graph, &draw_batch_op, inputs, COUNT, 0, &attributes, sizeof attributes);
  if (!node) return false;
  shape image = {desc->batch, desc->channels, desc->height, desc->width}, number = {desc->batch, 1, 1, 1};
  out->x = node_output(graph, node, image, ROLE_ACTIVATION);
  out->target = node_output(graph, node, image, ROLE_ACTIVATION);
  out->time = node_output(graph, node, number, ROLE_ACTIVATION);
  out->context = node_output(graph, node, (shape){desc->batch, desc->contexts->shape.c, 1, 1}, ROLE_ACTIVATION);
  out->weight = node_output(graph, node, number, ROLE_ACTIVATION);
  out->index = node_output(graph, node, (shape){1, desc->batch, 1, 1}, ROLE_TABLE);
  out->row = node_output(graph, node, out->index ? out->index->shape : number, ROLE_TABLE);
  return out->row;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const draw_batch_attributes *attributes = (const void *)node->attributes;
  shape x = node->outputs[X]->shape, contexts = node->inputs[CONTEXTS]->shape;
  struct draw_batch_parameters push = {.batch = (uint)x.n,
                                       .channels = (uint)x.c,
                                       .height = (uint)x.h,
                                       .width = (uint)x.w,
                                       .contexts = (uint)contexts.c,
                                       .count = (uint)(attributes->drawn_of ? attributes->drawn_of : contexts.n),
                                       .slots = attributes->drawn_of ? (uint)contexts.n : 0,
                                       .step_draws = (uint)attributes->step_draws,
                                       .timesteps = (uint)node->inputs[NOISE]->shape.n - 1,
                                       .target = (uint)attributes->prediction,
                                       .shift = (uint)attributes->shift,
                                       .apart = (uint)attributes->apart,
                                       .context_drop = attributes->context_drop,
                                       .flip = attributes->flip};
  launch launch = {.shader = "draw_batch",
               .bindings = {node->inputs[PIXELS], node->inputs[CONTEXTS], node->inputs[NOISE], node->inputs[STATE],
                            node->outputs[X], node->outputs[TARGET], node->outputs[TIME], node->outputs[CONTEXT],
                            node->outputs[WEIGHT], node->outputs[INDEX], node->outputs[ROW], node->inputs[BEGINS]},
               .binding_count = 12,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * (uint)round_up(x.c, 8) / 4 * push.height * push.width, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op draw_batch_op = {.name = "draw_batch", .kernels = ONE_KERNEL("draw_batch", forward)};

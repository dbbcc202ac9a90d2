// normal_noise.c: fills a tensor with normal noise that depends on seed, sample, step and stream alone.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/normal_noise.h"

// Overwrites x (N, C, H, W) and returns it. `step`: the step buffer, which holds the seed.
tensor *normal_noise(graph *graph, tensor *x, tensor *step, const normal_noise_desc *desc) {
  if (!x || !step) return NULL;
  if (x->role != ROLE_ACTIVATION) return graph_fail(graph, "normal_noise: %s is no image", shape_format(x->shape).text);
  node *node = graph_append(graph, &normal_noise_op, (tensor *[]){x, step}, 2, 0, desc, sizeof *desc);
  return node ? x : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const normal_noise_desc *desc = (const void *)node->attributes;
  shape x = node->inputs[0]->shape;
  struct normal_noise_parameters push = {.batch = (uint)x.n,
                                         .channels = (uint)x.c,
                                         .height = (uint)x.h,
                                         .width = (uint)x.w,
                                         .stream = desc->stream,
                                         .step = desc->step};
  launch launch = {.shader = "normal_noise",
               .spec = {[NORMAL_NOISE_BITS] = desc->bits},
               .spec_count = 1,
               .bindings = {node->inputs[1], node->inputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * (uint)round_up(x.c, 8) / 4 * push.height * push.width, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op normal_noise_op = {.name = "normal_noise", .kernels = ONE_KERNEL("normal_noise", forward), .writes = 1u << 0};

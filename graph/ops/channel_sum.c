// channel_sum.c: the sum over images and pixels, the gradient of a bias.
#include "shaders/channel_sum.h"

#include "graph/kernels/norm_lanes.h"
#include "graph/ops/gradient_ops.h"

static mote_status launch_shader(const char *shader, tensor *dy, tensor *sum, launches *to, mote_error *error) {
  shape s = dy->shape;
  uint lanes = norm_lanes(to->caps, dy, MOST_LANES);
  struct channel_sum_parameters push = {.batch = (uint)s.n,
                                        .channel_blocks = (uint)round_up(s.c, 8) / 8,
                                        .pixels = (uint)(s.h * s.w),
                                        .columns = norm_columns(lanes, s.h * s.w)};
  launch launch = {.shader = shader,
               .spec = {[CHANNEL_SUM_LANES] = lanes},
               .spec_count = 1,
               .bindings = {dy, sum},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.channel_blocks, 1, launch.groups);
  return launches_add(to, &launch, error);
}

mote_status channel_sum_launch(tensor *dy, tensor *sum, launches *to, mote_error *error) {
  return launch_shader(reads_texels(to->caps, dy) ? "channel_sum_texel" : "channel_sum", dy, sum, to, error);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  return launch_shader(to->kernel->name, node->inputs[0], node->outputs[0], to, error);
}

const op channel_sum_op = {.name = "channel_sum", .kernels = VECTOR_KERNELS("channel_sum", forward)};

// dy (N, C, H, W) gives (1, C, 1, 1).
tensor *channel_sum(graph *graph, tensor *dy) {
  node *node = graph_append(graph, &channel_sum_op, &dy, 1, 0, NULL, 0);
  return node ? node_output(graph, node, (shape){1, dy->shape.c, 1, 1}, ROLE_ACTIVATION) : NULL;
}

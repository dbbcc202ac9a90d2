// pack_pixels.c: images as the bytes that a texture holds.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/pack_pixels.h"

typedef struct attributes {
  int scale;
} attributes;

// x (N, C, H, W), C 1 to 4; order, one number: below ½ RGBA, else BGRA. Returns (N, 1, H·scale, W·scale) raw, a word a pixel.
tensor *pack_pixels(graph *graph, tensor *x, tensor *order, int scale) {
  if (!x || !order) return NULL;
  if (x->shape.c > 4 || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "pack_pixels: %s has more than 4 channels", shape_format(x->shape).text);
  if (tensor_elements(order) != 1 || scale < 1)
    return graph_fail(graph, "pack_pixels: order %s, expected one number", shape_format(order->shape).text);
  node *node = graph_append(graph, &pack_pixels_op, (tensor *[]){x, order}, 2, 0, &(attributes){scale}, sizeof(attributes));
  shape packed = {x->shape.n, 1, x->shape.h * scale, x->shape.w * scale};
  return node ? node_output(graph, node, packed, ROLE_TABLE) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  shape x = node->inputs[0]->shape;
  const attributes *attributes = (const void *)node->attributes;
  const struct pack_pixels_parameters push = {.count = (uint)tensor_elements(node->outputs[0]),
                                              .channels = (uint)x.c,
                                              .height = (uint)x.h,
                                              .width = (uint)x.w,
                                              .scale = (uint)attributes->scale};
  launch launch = {.shader = "pack_pixels",
               .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.count, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op pack_pixels_op = {.name = "pack_pixels", .kernels = ONE_KERNEL("pack_pixels", forward)};

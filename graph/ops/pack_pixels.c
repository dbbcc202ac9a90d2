// pack_pixels.c: images as the bytes that a texture holds.
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/pack_pixels.h"

// x (N, C, H, W), C 1 to 4; returns (N, 1, H, W) raw, a word RGBA8 a pixel.
tensor *pack_pixels(graph *graph, tensor *x) {
  if (!x) return NULL;
  if (x->shape.c > 4 || x->layout != LAYOUT_C8)
    return graph_fail(graph, "pack_pixels: %s has more than 4 channels", shape_format(x->shape).text);
  node *node = graph_append(graph, &pack_pixels_op, &x, 1, 0, NULL, 0);
  return node ? node_output(graph, node, (shape){x->shape.n, 1, x->shape.h, x->shape.w}, LAYOUT_RAW) : NULL;
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  shape x = node->inputs[0]->shape;
  const struct pack_pixels_parameters push = {.count = (uint)(x.n * x.h * x.w), .channels = (uint)x.c};
  step step = {.shader = "pack_pixels",
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.count, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

const op pack_pixels_op = {.name = "pack_pixels", .forward = forward};

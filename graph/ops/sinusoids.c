// sinusoids.c: the time of a denoising step as sines and cosines of many frequencies.
#include <math.h>

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/sinusoids.h"

typedef struct sinusoids_attributes {
  uint32_t cos_first;
  float shift;
} sinusoids_attributes;

// time (N, 1, 1, 1) gives (N, channels, 1, 1): of half = channels / 2 angles time · 10000^(-i / (half - shift)) the sines, then the
// cosines, or the other way round; the last of an odd number of channels is 0. No gradient flows to `time`.
tensor *sinusoids(graph *graph, tensor *time, int channels, bool cos_first, float shift) {
  if (!time) return NULL;
  if (time->shape.c != 1 || time->shape.h * time->shape.w != 1 || channels < 2 || !((float)(channels / 2) > shift))
    return graph_fail(graph, "sinusoids: found %s, %d channels and shift %g, expected one number an image and a shift below half of "
                      "two channels or more", shape_format(time->shape).text, channels, (double)shift);
  const sinusoids_attributes attributes = {.cos_first = cos_first, .shift = shift};
  node *node = graph_append(graph, &sinusoids_op, &time, 1, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, (shape){time->shape.n, channels, 1, 1}, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const sinusoids_attributes *attributes = (const void *)node->attributes;
  const shape y = node->outputs[0]->shape;
  const int half = y.c / 2;
  tensor *turns;
  TRY(launches_table(to, half * SINUSOIDS_WORDS, &turns, error));
  for (int i = 0; i < half; i++) {
    const double radians = exp(-log(10000) * i / (half - (double)attributes->shift));
    const double high = radians / 6.283185307179586476925 * 0x1p32;
    turns->contents[i * SINUSOIDS_WORDS] = (uint)high;
    turns->contents[i * SINUSOIDS_WORDS + 1] = (uint)((high - floor(high)) * 0x1p32);
  }
  const struct sinusoids_parameters push = {
      .channels = (uint)y.c, .values = (uint)(y.n * round_up(y.c, 8)), .cos_first = attributes->cos_first};
  launch launch = {.shader = "sinusoids",
               .bindings = {node->inputs[0], turns, node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.values, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op sinusoids_op = {.name = "sinusoids", .kernels = ONE_KERNEL("sinusoids", forward)};

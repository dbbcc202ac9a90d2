// channel_stats.c: dispatches channel_stats.comp.
#include "graph/channel_stats.h"

#include "graph/texel.h"
#include "shaders/channel_stats.h"

mote_status dispatch_channel_stats(const node *node, program *program, tensor *x, tensor *mean, tensor *deviation,
                                   mote_error *error) {
  struct channel_stats_parameters push = {.blocks = (uint)(x->shape.n * (round_up(x->shape.c, 8) / 8)),
                                          .pixels = (uint)(x->shape.h * x->shape.w)};
  step step = {.shader = VECTOR_SHADER(program, "channel_stats", x),
               .bindings = {x, mean, deviation},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * 2, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}

// sampler_update.c: one denoising step of any sampler whose update is linear in x, the network's output or x_0, the
// last step's x_0, and noise.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/sampler_update.h"

enum { X, MODEL, TABLE, STEP, LIMIT, PREVIOUS, COUNT };

typedef struct sampler_update_attributes {
  uint32_t advance;  // do what a step_advance after it would do
} sampler_update_attributes;

// Not if it reads another step buffer, or advances it already.
static bool take_advance(graph *graph, node *update, slot slot, node *advance) {
  (void)graph, (void)slot;
  sampler_update_attributes *attributes = (void *)update->attributes;
  if (update->inputs[STEP] != advance->inputs[0] || attributes->advance) return false;
  attributes->advance = true;
  return true;
}

// With a limit or a previous x_0 the rows' MODEL is the factor of x_0, else of what the network predicted.
bool sampler_update(graph *graph, const sampler_tensors *t) {
  if (!t->x || !t->model || !t->table || !t->step) return false;
  shape x = t->x->shape, doubled = x;
  doubled.n *= 2;
  bool fits = shape_equal(x, t->model->shape) || shape_equal(doubled, t->model->shape);
  if (!fits || t->table->shape.c != ROW_WORDS || (t->limit && tensor_elements(t->limit) != (size_t)x.n) ||
      (t->previous && !shape_equal(x, t->previous->shape)))
    return graph_fail(graph, "sampler_update: %s and %s do not fit", shape_format(x).text,
                      shape_format(t->model->shape).text);
  tensor *inputs[COUNT] = {t->x, t->model, t->table, t->step, t->limit, t->previous};
  const sampler_update_attributes attributes = {0};
  return graph_append(graph, &sampler_update_op, inputs, COUNT, 1u << LIMIT | 1u << PREVIOUS, &attributes,
                      sizeof attributes);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const sampler_update_attributes *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs;
  shape x = in[X]->shape;
  struct sampler_update_parameters push = {
      .batch = (uint)x.n, .channels = (uint)x.c, .height = (uint)x.h, .width = (uint)x.w};
  launch launch = {.shader = "sampler_update",
               .spec = {[SAMPLER_UPDATE_GUIDED] = in[MODEL]->shape.n != x.n,
                        [SAMPLER_UPDATE_X0] = in[LIMIT] || in[PREVIOUS],
                        [SAMPLER_UPDATE_LIMITED] = in[LIMIT] != NULL,
                        [SAMPLER_UPDATE_HISTORY] = in[PREVIOUS] != NULL,
                        [SAMPLER_UPDATE_ADVANCE] = attributes->advance},
               .spec_count = 5,
               // A binding must not be empty: for an absent tensor another is bound, which is not touched there.
               .bindings = {in[X], in[MODEL], in[TABLE], in[STEP], in[LIMIT] ? in[LIMIT] : in[X],
                            in[PREVIOUS] ? in[PREVIOUS] : in[X]},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * ((push.channels * push.height * push.width + 3) / 4), PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// The shader declares that it writes the step, whether it advances it or not.
const op sampler_update_op = {.name = "sampler_update",
                              .kernels = ONE_KERNEL("sampler_update", forward),
                              .slots = {[SLOT_ADVANCE] = 1},
                              .take = take_advance,
                              .writes = 1u << X | 1u << STEP | 1u << PREVIOUS};

// sampler_update.c: cases of the denoising step.
#include "graph/ir/philox.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"
#include "tests/ops/reference.h"

// Attribute bits. Inputs: x, model, table, step, then limit, then the previous x_0.
enum { GUIDED = 1, LIMITED = 2, HISTORY = 4, SHOW_HISTORY = 8 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  sampler_tensors tensors = {.x = in[0], .model = in[1], .table = in[2], .step = in[3]};
  if (test->attribute & LIMITED) tensors.limit = in[4];
  if (test->attribute & HISTORY) tensors.previous = in[5];
  if (!sampler_update(graph, &tensors)) return NULL;
  return test->attribute & SHOW_HISTORY ? in[5] : in[0];
}

// Two steps, each of which advances the index itself: what is left in the step buffer.
static tensor *build_advancing(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  const sampler_tensors tensors = {.x = in[0], .model = in[1], .table = in[2], .step = in[3]};
  for (int i = 0; i < 2; i++)
    if (!sampler_update(graph, &tensors) || !step_advance(graph, in[3])) return NULL;
  return in[3];
}

static void reference_advancing(const op_case *test, double *const *in, double *out) {
  for (int i = 0; i < STEP_WORDS; i++) out[i] = test->words[i] + (i == STEP_INDEX ? 2 : 0);
  (void)in;
}

static double clamped(double value, double limit) { return fmax(-limit, fmin(limit, value)) / limit; }

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  const double *row = in[2] + test->words[0] * ROW_WORDS;
  int each = s.c * s.h * s.w, count = s.n * each;
  for (int i = 0; i < count; i++) {
    philox_block counter = {{(uint32_t)(i % each / 4), test->words[3] + (uint32_t)(i / each), test->words[0] + 1, 0}};
    philox_block block = philox(counter, (uint64_t)test->words[2] << 32 | test->words[1]);
    double m = in[1][i];
    if (test->attribute & GUIDED) m = in[1][count + i] + row[ROW_GUIDANCE] * (m - in[1][count + i]);
    const double predicted = m;
    if (test->attribute & (LIMITED | HISTORY)) m = row[ROW_X0_X] * in[0][i] + row[ROW_X0_MODEL] * m;
    if (test->attribute & LIMITED) m = clamped(m, in[4][i / each]);
    double updated = row[ROW_X] * in[0][i] + row[ROW_MODEL] * m + row[ROW_NOISE] * reference_normal(block.words, i % each % 4);
    if (test->attribute & LIMITED) updated += row[ROW_OUTPUT] * predicted;
    if (test->attribute & HISTORY) updated += row[ROW_PREVIOUS] * in[5][i];
    out[i] = test->attribute & SHOW_HISTORY ? m : updated;
  }
}

static const uint32_t second_step[] = {1, 5, 6, 30}, first_step[STEP_WORDS] = {0, 5, 6, 30};

#define UPDATE(title, bits, n, c, h, w)                                                                              \
  {                                                                                                                  \
    .name = title, .attribute = bits, .build = build, .no_gradient = true, .reference = reference,                   \
    .words = second_step, .tolerance = TOLERANCE_ELEMENT * 2,                                                        \
    .inputs = {{{n, c, h, w}}, {{(bits) & GUIDED ? 2 * n : n, c, h, w}}, {{3, ROW_WORDS, 1, 1}, ROLE_TABLE},         \
               {{1, 4, 1, 1}, ROLE_TABLE}, {{n, 1, 1, 1}, ROLE_TABLE, 0.1, 0.6}, {{n, c, h, w}}},                    \
  }

static const op_case cases[] = {
    UPDATE("3 channels", 0, 2, 3, 16, 16),
    UPDATE("odd sizes", 0, 3, 4, 3, 4),
    UPDATE("four elements of two channels", GUIDED, 2, 3, 3, 3),
    UPDATE("one pixel", HISTORY, 3, 1, 1, 1),
    UPDATE("guided", GUIDED, 3, 11, 4, 4),
    UPDATE("limited", LIMITED, 2, 3, 8, 8),
    UPDATE("previous x_0", HISTORY, 2, 9, 4, 4),
    UPDATE("all of it", GUIDED | LIMITED | HISTORY, 3, 3, 8, 8),
    UPDATE("what is kept for the next step", GUIDED | LIMITED | HISTORY | SHOW_HISTORY, 3, 3, 8, 8),
    {.name = "many workgroups advance the index once",
     .build = build_advancing,
     .no_gradient = true,
     .reference = reference_advancing,
     .words = first_step,
     .word_count = STEP_WORDS,
     .tolerance = 0,
     .inputs = {{{3, 3, 16, 16}}, {{3, 3, 16, 16}}, {{3, ROW_WORDS, 1, 1}, ROLE_TABLE},
                {{1, STEP_WORDS, 1, 1}, ROLE_TABLE}}},
};
CASES(sampler_update, cases);

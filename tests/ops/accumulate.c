// accumulate.c: cases of a step's batches that merge, each batch in turn: where its sum goes, what is taken in, and the count.
#include "shaders/accumulate.h"

#include "shaders/train_state.h"
#include "tests/ops/reference.h"

enum { STATE, EXCHANGE, LEVELS, NUMBERS = 1004 };

// The batch, of how many, and the input that the case looks at.
#define ATTRIBUTE(batch, batches, of) ((batch) | (batches) << 8 | (of) << 16)

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  accumulate_desc desc = {.state = in[STATE], .exchange = in[EXCHANGE], .batches = test->attribute >> 8 & 0xff};
  for (int i = 0; i < accumulate_level_count(desc.batches); i++) desc.levels[i] = in[LEVELS + i];
  return accumulate(graph, &desc) ? in[test->attribute >> 16] : NULL;
}

// The sum over batches `first` on, `count` of them, which end with this one: all others are in levels, the larger ones first.
static double sum_of(double *const *in, int i, int count) {
  int half = 1, level = 0;
  if (count == 1) return in[EXCHANGE][i];
  while (2 * half < count) half *= 2, level++;
  return in[LEVELS + level][i] + sum_of(in, i, count - half);
}

static void reference(const op_case *test, double *const *in, double *out) {
  const int batch = test->attribute & 0xff, batches = test->attribute >> 8 & 0xff, of = test->attribute >> 16;
  const bool last = batch + 1 == batches;
  int merged = 1, to = LEVELS;  // batches that this sum is over, and where it goes
  while (!last && (batch + 1) % (2 * merged) == 0) merged *= 2, to++;
  if (last) merged = batches, to = EXCHANGE;
  for (size_t i = 0; i < count_of(test->inputs[of].shape); i++) out[i] = of == to ? sum_of(in, (int)i, merged) : in[of][i];
  if (of != STATE) return;
  for (int i = 0; i < TRAIN_WORDS; i++) out[i] = test->words[i];
  out[TRAIN_BATCH] = last ? 0 : batch + 1;
}

#define WORDS(batch) (const uint32_t[TRAIN_WORDS]){[TRAIN_STEPS] = 5, [TRAIN_BATCH] = batch}
#define FLAT {{1, NUMBERS, 1, 1}, ROLE_TABLE}
#define MERGE(title, batch, batches, of)                                                                          \
  {                                                                                                               \
    .name = title, .build = build, .reference = reference, .attribute = ATTRIBUTE(batch, batches, of),            \
    .tolerance = (of) == STATE ? 0 : TOLERANCE_SUM, .no_gradient = true, .words = WORDS(batch),                   \
    .word_count = TRAIN_WORDS, .inputs = {{{1, TRAIN_WORDS, 1, 1}, ROLE_TABLE}, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT}, \
  }

static const op_case cases[] = {
    MERGE("first of two waits", 0, 2, LEVELS),          MERGE("first of two is counted", 0, 2, STATE),
    MERGE("last of two", 1, 2, EXCHANGE),               MERGE("last of two begins anew", 1, 2, STATE),
    MERGE("second of five", 1, 5, LEVELS + 1),          MERGE("second of five leaves its level", 1, 5, LEVELS),
    MERGE("third of five", 2, 5, LEVELS),               MERGE("fourth of five", 3, 5, LEVELS + 2),
    MERGE("last of five", 4, 5, EXCHANGE),              MERGE("last of seven", 6, 7, EXCHANGE),
    MERGE("sixteenth of 64", 15, 64, LEVELS + 4),       MERGE("32nd of 64", 31, 64, LEVELS + 5),
    MERGE("32nd of 64 leaves the exchange", 31, 64, EXCHANGE), MERGE("last of 64", 63, 64, EXCHANGE),
};
CASES(accumulate, cases);

// fuzz_context.c: whatever --context says, and whatever labels a model has, it is refused with a message or gives finite numbers.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text.h"
#include "tools/sample/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

// Lines: labels, then what is asked for.
static void ask(const char *spec, const mote_model_info *model) {
  float values[MOTE_MAX_CONTEXT];
  for (int i = 0; i < MOTE_MAX_CONTEXT; i++) values[i] = NAN;
  mote_error error = {0};
  mote_status status = context_parse("--context", spec, model, values, &error);
  check(status == error.status && !status == !error.message[0]);
  check(status == MOTE_OK || status == MOTE_ERROR_USAGE);
  check(text_is_clean(error.message, strlen(error.message)));
  for (int i = 0; i < model->n_cfeat && !status; i++) check(isfinite(values[i]));
  for (int i = model->n_cfeat; i < MOTE_MAX_CONTEXT; i++) check(isnan(values[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  char *text = malloc(bytes + 1), *line = text, *end;
  if (!text) return 0;
  memcpy(text, data, bytes);
  text[bytes] = 0;
  mote_model_info model = {0};
  for (; (end = strchr(line, '\n')) && model.label_count < 8; line = end + 1) {
    *end = 0;
    if (end - line >= (ptrdiff_t)sizeof model.labels[0]) break;
    strcpy(model.labels[model.label_count++], line);
  }
  model.n_cfeat = model.label_count ? model.label_count : 2;
  ask(line, &model);
  if (model.label_count >= 3) {  // a number, a label alone, and the others
    model.attribute_count = 3;
    model.attributes[0] = (mote_attribute){.count = 1, .is_number = true, .low = -2, .high = 1e3};
    strcpy(model.attributes[0].name, model.labels[0]);
    model.attributes[1] = (mote_attribute){"kind", 1};
    model.attributes[2] = (mote_attribute){"colour", model.label_count - 2};
    ask(line, &model);
  }
  free(text);
  return 0;
}

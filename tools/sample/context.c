// context.c: reads what `--context` asks for, in words of the model's labels.
#include "tools/sample/context.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/number.h"
#include "tools/options.h"

// The index of the label that the `length` bytes at `text` spell, or -1.
static int find_label(const mote_model_info *model, const char *text, size_t length) {
  for (int i = 0; i < model->label_count; i++)
    if (strlen(model->labels[i]) == length && !memcmp(model->labels[i], text, length)) return i;
  return -1;
}

// What could have been written, ending an error's sentence.
static void describe_choices(const mote_model_info *model, char *text, size_t bytes) {
  if (!model->label_count) {
    snprintf(text, bytes, "%d numbers or none (the model has no labels)", model->n_cfeat);
    return;
  }
  const char *first = model->labels[0];
  size_t used =
      (size_t)snprintf(text, bytes, "a label, a mixture such as %s=1,%s=0.6, %d numbers, or none; labels:", first,
                       model->labels[model->label_count > 1], model->n_cfeat);
  for (int i = 0; i < model->label_count; i++) {
    if (used + strlen(model->labels[i]) + sizeof ", ... (1024 in all)" > bytes) {
      snprintf(text + used, bytes - used, ", ... (%d in all)", model->label_count);
      return;
    }
    used += (size_t)snprintf(text + used, bytes - used, "%s %s", i ? "," : "", model->labels[i]);
  }
}

static mote_status refuse(const char *option, const char *spec, const char *fault, const mote_model_info *model, mote_error *error) {
  char choices[384];
  describe_choices(model, choices, sizeof choices);
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%.60s\"%s, expected %s", option, spec, fault, choices);
}

// LABEL=WEIGHT, separated by commas; each label at most once.
static mote_status parse_mixture(const char *option, const char *spec, const mote_model_info *model, float *values, mote_error *error) {
  bool seen[MOTE_MAX_CONTEXT] = {false};
  const char *at = spec;
  for (;;) {
    size_t length = strcspn(at, "=,");
    char fault[96];
    int label = find_label(model, at, length);
    snprintf(fault, sizeof fault, ", where \"%.*s\" is no label", (int)(length < 60 ? length : 60), at);
    if (label < 0) return refuse(option, spec, fault, model, error);
    snprintf(fault, sizeof fault, ", where \"%s\" stands twice", model->labels[label]);
    if (seen[label]) return refuse(option, spec, fault, model, error);
    seen[label] = true;
    double weight = 0;
    const char *end = at + length;
    snprintf(fault, sizeof fault, ", where \"%s\" has no number after a =, or one too large", model->labels[label]);
    if (*end != '=' || !number_parse(end + 1, &end, &weight) || (*end && *end != ',') || !isfinite((float)weight))
      return refuse(option, spec, fault, model, error);
    values[label] = (float)weight;
    if (!*end) return MOTE_OK;
    at = end + 1;
  }
}

static mote_status parse_numbers(const char *option, const char *spec, const mote_model_info *model, float *values, mote_error *error) {
  const char *at = spec;
  for (int count = 0;; at++) {
    double value = 0;
    if (!number_parse(at, &at, &value) || (*at && *at != ',') || !isfinite((float)value))
      return refuse(option, spec, "", model, error);
    if (count < model->n_cfeat) values[count] = (float)value;
    count++;
    if (*at) continue;
    char fault[48];
    snprintf(fault, sizeof fault, ", which is %d number%s", count, count == 1 ? "" : "s");
    return count == model->n_cfeat ? MOTE_OK : refuse(option, spec, fault, model, error);
  }
}

mote_status context_parse(const char *option, const char *spec, const mote_model_info *model, float *values, mote_error *error) {
  memset(values, 0, (size_t)model->n_cfeat * sizeof *values);
  int label = find_label(model, spec, strlen(spec));
  if (label >= 0) {
    values[label] = 1;
    return MOTE_OK;
  }
  if (!strcmp(spec, "none")) return MOTE_OK;
  if (strchr(spec, '=')) return parse_mixture(option, spec, model, values, error);
  return parse_numbers(option, spec, model, values, error);
}

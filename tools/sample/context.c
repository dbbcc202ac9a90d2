// context.c: reads what `--context` asks for, in words of the model's labels and attributes.
#include "tools/sample/context.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/number.h"
#include "tools/options.h"

// Labels of a model: those of one attribute exclude each other. A model that names none has one.
typedef struct label_range {
  const mote_attribute *attribute;  // NULL: of a model that names none
  int first, count;
} label_range;

static label_range range_at(const mote_model_info *model, int index) {
  if (!model->attribute_count) return (label_range){NULL, 0, model->label_count};
  int first = 0;
  for (int i = 0; i < index; i++) first += model->attributes[i].count;
  return (label_range){&model->attributes[index], first, model->attributes[index].count};
}

static int range_of(const mote_model_info *model, int label) {
  int index = 0;
  while (model->attribute_count && label >= range_at(model, index).first + range_at(model, index).count) index++;
  return index;
}

static bool spells(const char *name, const char *text, size_t length) { return strlen(name) == length && !memcmp(name, text, length); }

static int find_attribute(const mote_model_info *model, const char *text, size_t length) {
  for (int i = 0; i < model->attribute_count; i++)
    if (spells(model->attributes[i].name, text, length)) return i;
  return -1;
}

static int find_among(const mote_model_info *model, int first, int count, const char *text, size_t length) {
  for (int i = first; i < first + count; i++)
    if (spells(model->labels[i], text, length)) return i;
  return -1;
}

// The index of the label that the `length` bytes at `text` spell, as "attribute:label" too, or -1.
static int find_label(const mote_model_info *model, const char *text, size_t length) {
  const int label = find_among(model, 0, model->label_count, text, length);
  const char *colon = memchr(text, ':', length);
  if (label >= 0 || !colon) return label;
  const int attribute = find_attribute(model, text, (size_t)(colon - text));
  if (attribute < 0 || model->attributes[attribute].is_number) return -1;
  const label_range range = range_at(model, attribute);
  return find_among(model, range.first, range.count, colon + 1, length - (size_t)(colon + 1 - text));
}

// ---------------------------------------------------------------------------------------------------------------------
// What could have been written, ending an error's sentence

// Adds what fits with the end of the sentence after it; else that end, and false.
static bool add_choice(const mote_model_info *model, const char *before, const char *name, char *text, size_t bytes, size_t *used) {
  if (*used + strlen(before) + strlen(name) + sizeof ", ... (1024 in all)" > bytes) {
    *used += (size_t)snprintf(text + *used, bytes - *used, ", ... (%d in all)", model->label_count);
    return false;
  }
  *used += (size_t)snprintf(text + *used, bytes - *used, "%s%s", before, name);
  return true;
}

static void describe_attributes(const mote_model_info *model, char *text, size_t bytes) {
  size_t used = (size_t)snprintf(text, bytes, "LABEL or LABEL=WEIGHT of words and NAME=NUMBER of numbers, between commas, %d numbers, "
                                 "or none;", model->n_cfeat);
  for (int i = 0; i < model->attribute_count; i++) {
    const label_range range = range_at(model, i);
    char name[128];
    snprintf(name, sizeof name, range.attribute->is_number ? "%s %g to %g" : "%s:", range.attribute->name, range.attribute->low,
             range.attribute->high);
    if (!add_choice(model, i ? "; " : " ", name, text, bytes, &used)) return;
    for (int k = range.first; k < range.first + range.count && !range.attribute->is_number; k++)
      if (!add_choice(model, k > range.first ? ", " : " ", model->labels[k], text, bytes, &used)) return;
  }
}

static void describe_choices(const mote_model_info *model, char *text, size_t bytes) {
  if (model->attribute_count) {
    describe_attributes(model, text, bytes);
    return;
  }
  if (!model->label_count) {
    snprintf(text, bytes, "%d numbers or none (the model has no labels)", model->n_cfeat);
    return;
  }
  size_t used = (size_t)snprintf(text, bytes, "a label, a mixture such as %s=1,%s=0.6, %d numbers, or none; labels:", model->labels[0],
                                 model->labels[model->label_count > 1], model->n_cfeat);
  for (int i = 0; i < model->label_count; i++)
    if (!add_choice(model, i ? ", " : " ", model->labels[i], text, bytes, &used)) return;
}

static mote_status refuse(const char *option, const char *spec, const char *fault, const mote_model_info *model, mote_error *error) {
  char choices[384];
  describe_choices(model, choices, sizeof choices);
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%.60s\"%s, expected %s", option, spec, fault, choices);
}

// ---------------------------------------------------------------------------------------------------------------------
// Labels, and their weights

typedef struct list {
  const mote_model_info *model;
  float *values;
  bool seen[MOTE_MAX_CONTEXT];
  int alone[MOTE_MAX_ATTRIBUTES];  // 1 + the label of an attribute that stands without a weight; 0: none does
  char fault[160];                 // ", where …"
} list;

static bool fault(list *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fault(list *l, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(l->fault, sizeof l->fault, format, arguments);
  va_end(arguments);
  return false;
}

// Why nothing is called so.
static bool fault_unknown(list *l, const char *name, size_t length) {
  const int shown = (int)(length < 60 ? length : 60);
  const mote_model_info *model = l->model;
  for (int i = 0; i < model->attribute_count; i++) {
    const mote_attribute *attribute = &model->attributes[i];
    char qualified[72];
    snprintf(qualified, sizeof qualified, "%s:%.*s", attribute->name, (int)(length < 32 ? length : 32), name);
    if (find_label(model, qualified, strlen(qualified)) < 0) continue;
    return fault(l, ", where \"%.*s\" is of several attributes: write %s", shown, name, qualified);
  }
  const int attribute = find_attribute(model, name, length);
  if (attribute < 0) return fault(l, ", where \"%.*s\" is no label", shown, name);
  return fault(l, ", where \"%.*s\" is an attribute: its labels stand alone, or after a colon", shown, name);
}

// `*end` is where a number should begin, after "=", or the item's end; afterwards the latter.
static bool take_item(list *l, int label, bool has_value, const char **end) {
  const int index = range_of(l->model, label);
  const label_range range = range_at(l->model, index);
  const bool is_number = range.attribute && range.attribute->is_number;
  const char *name = l->model->labels[label];
  double value = 1;
  if (l->seen[label]) return fault(l, ", where \"%s\" stands twice", name);
  l->seen[label] = true;
  if ((is_number && !has_value) ||
      (has_value && (!number_parse(*end, end, &value) || (**end && **end != ',') || !isfinite((float)value))))
    return fault(l, ", where \"%s\" has no number after a =, or one too large", name);
  if (is_number && !(value >= range.attribute->low && value <= range.attribute->high))
    return fault(l, ", where %s is %g, learned from %g to %g", name, value, range.attribute->low, range.attribute->high);
  for (int k = range.first; k < range.first + range.count; k++)
    if (k != label && l->seen[k] && (!has_value || l->alone[index]))
      return fault(l, ", where \"%s\" and \"%s\" exclude each other; weights mix them, as in %s=0.5", l->model->labels[k], name, name);
  if (!has_value) l->alone[index] = 1 + label;
  l->values[label] = is_number ? mote_attribute_scale(range.attribute, value) : (float)value;
  return true;
}

static bool take_list(list *l, const char *spec) {
  for (const char *at = spec;; at++) {
    size_t length = strcspn(at, "=,");
    const char *end = at + length;
    const bool has_value = *end == '=';
    int label = find_label(l->model, at, length);
    if (label < 0) {
      for (; length && (*at == ' ' || *at == '\t'); at++) length--;
      while (length && (at[length - 1] == ' ' || at[length - 1] == '\t')) length--;
      label = find_label(l->model, at, length);
    }
    if (label < 0) return fault_unknown(l, at, length);
    if (has_value) end++;
    if (!take_item(l, label, has_value, &end)) return false;
    if (!*end) return true;
    at = end;
  }
}

static mote_status parse_list(const char *option, const char *spec, const mote_model_info *model, float *values, mote_error *error) {
  list l = {.model = model, .values = values};
  return take_list(&l, spec) ? MOTE_OK : refuse(option, spec, l.fault, model, error);
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

// Names rather than numbers: there is a weight, or a comma and what begins as no number.
static bool is_list(const char *spec) {
  if (strchr(spec, '=')) return true;
  for (const char *at = spec; strchr(spec, ',') && at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (*at && !strchr("0123456789+-.", *at)) return true;
  return false;
}

mote_status context_parse(const char *option, const char *spec, const mote_model_info *model, float *values, mote_error *error) {
  memset(values, 0, (size_t)model->n_cfeat * sizeof *values);
  const int label = find_label(model, spec, strlen(spec));
  if (label >= 0 && !(model->attribute_count && range_at(model, range_of(model, label)).attribute->is_number)) {
    values[label] = 1;
    return MOTE_OK;
  }
  if (!strcmp(spec, "none")) return MOTE_OK;
  if (label >= 0 || is_list(spec)) return parse_list(option, spec, model, values, error);
  return parse_numbers(option, spec, model, values, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Guidance of attributes

static mote_status refuse_guidance(const char *option, const char *spec, const mote_model_info *model, mote_error *error) {
  char names[256] = "";
  size_t used = 0;
  for (int i = 0; i < model->attribute_count && add_choice(model, i ? ", " : "", model->attributes[i].name, names, sizeof names, &used);) i++;
  if (!model->attribute_count)
    return fail(error, MOTE_ERROR_USAGE, "%s: found \"%.60s\", expected nothing of a model without attributes", option, spec);
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%.60s\", expected ATTRIBUTE=W, separated by commas, each once and W 0.01 to 100; "
              "attributes: %s", option, spec, names);
}

mote_status guidance_parse(const char *option, const char *spec, const mote_model_info *model, double scales[MOTE_MAX_ATTRIBUTES],
                           mote_error *error) {
  for (const char *at = spec;; at++) {
    const size_t length = strcspn(at, "=,");
    const int attribute = find_attribute(model, at, length);
    double scale = 0;
    if (attribute < 0 || at[length] != '=' || scales[attribute] > 0 || !number_parse(at + length + 1, &at, &scale) ||
        (*at && *at != ',') || !(scale >= 0.01 && scale <= 100))
      return refuse_guidance(option, spec, model, error);
    scales[attribute] = scale;
    if (!*at) return MOTE_OK;
  }
}

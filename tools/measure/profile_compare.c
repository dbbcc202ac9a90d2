// profile_compare.c: compares two outputs of `mote profile --json`, layer by layer.
//
// Dispatches are summed over a layer's op, since two versions of an op may take different numbers of them.
#include "tools/measure/profile_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/list.h"
#include "tools/json.h"
#include "tools/say.h"

enum { FILE_BYTES = 64 << 20, SIDES = 2, TEXT_BYTES = 200 };

typedef struct layer {
  char name[TEXT_BYTES], op[TEXT_BYTES];
  char kernels[SIDES][TEXT_BYTES];  // without repetitions, joined by '+'; empty: not in that file
  double ms[SIDES];
} layer;

typedef struct step {
  char what[TEXT_BYTES], device[TEXT_BYTES];
  double ms, batch, dispatches;
} step;

typedef struct comparison {
  layer *layers;
  size_t count;
  step steps[SIDES];
  double ms[SIDES];  // of all dispatches
} comparison;

// Where a reader stands.
typedef struct place {
  const char *path;
  int line;
} place;

static mote_status fail_at(const place *at, const char *found, mote_error *error) {
  return fail(error, MOTE_ERROR_FORMAT, "%s: line %d: found %s, expected the output of `mote profile --json`", at->path,
              at->line, found);
}

static mote_status read_text(const cJSON *object, const char *key, const place *at, char text[TEXT_BYTES],
                             mote_error *error) {
  const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
  char found[80];
  snprintf(found, sizeof found, "no text called \"%s\"", key);
  if (!value) return fail_at(at, found, error);
  snprintf(text, TEXT_BYTES, "%s", value);
  return MOTE_OK;
}

static mote_status read_number(const cJSON *object, const char *key, const place *at, double *value,
                               mote_error *error) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  char found[80];
  snprintf(found, sizeof found, "no number of 0 or more called \"%s\"", key);
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0)) return fail_at(at, found, error);
  *value = item->valuedouble;
  return MOTE_OK;
}

// The entry of that layer and op, made if it is not there.
static mote_status find_layer(comparison *c, const layer *key, layer **out, mote_error *error) {
  for (size_t i = 0; i < c->count; i++) {
    *out = &c->layers[i];
    if (!strcmp((*out)->name, key->name) && !strcmp((*out)->op, key->op)) return MOTE_OK;
  }
  if (!LIST_ROOM(c->layers, c->count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  *out = &c->layers[c->count++];
  **out = *key;
  return MOTE_OK;
}

static bool lists(const char *kernels, const char *kernel) {
  size_t length = strlen(kernel);
  for (const char *at = kernels; *at; at += strspn(at, "+")) {
    size_t here = strcspn(at, "+");
    if (here == length && !strncmp(at, kernel, length)) return true;
    at += here;
  }
  return false;
}

static mote_status add_dispatch(comparison *c, int side, const cJSON *object, const place *at, mote_error *error) {
  layer key = {0}, *entry = NULL;
  char kernel[TEXT_BYTES];
  double ms = 0;
  TRY(read_text(object, "layer", at, key.name, error));
  TRY(read_text(object, "op", at, key.op, error));
  TRY(read_text(object, "kernel", at, kernel, error));
  TRY(read_number(object, "ms", at, &ms, error));
  TRY(find_layer(c, &key, &entry, error));
  char *kernels = entry->kernels[side];
  size_t used = strlen(kernels);
  if (!lists(kernels, kernel)) snprintf(kernels + used, TEXT_BYTES - used, "%s%s", used ? "+" : "", kernel);
  entry->ms[side] += ms;
  c->ms[side] += ms;
  return MOTE_OK;
}

static mote_status read_step(step *step, const cJSON *object, const place *at, mote_error *error) {
  TRY(read_text(object, "device", at, step->device, error));
  TRY(read_number(object, "ms", at, &step->ms, error));
  TRY(read_number(object, "batch", at, &step->batch, error));
  return read_number(object, "dispatches", at, &step->dispatches, error);
}

// One line: a dispatch or, after all of them, the step.
static mote_status read_line(comparison *c, int side, const char *text, const place *at, mote_error *error) {
  step *step = &c->steps[side];
  cJSON *object;
  TRY(json_read(at->path, text, strlen(text), &object, error));
  mote_status status = cJSON_IsObject(object) ? read_text(object, "what", at, step->what, error)
                                              : fail_at(at, "no JSON object", error);
  if (!status && !strcmp(step->what, "dispatch"))
    status = add_dispatch(c, side, object, at, error);
  else if (!status && (!strcmp(step->what, "sample") || !strcmp(step->what, "train")))
    status = read_step(step, object, at, error);
  else if (!status)
    status = fail_at(at, "neither a dispatch nor a step", error);
  cJSON_Delete(object);
  return status;
}

static mote_status read_lines(comparison *c, int side, char *text, const char *path, mote_error *error) {
  place at = {path, 0};
  const step *step = &c->steps[side];
  int lines = 0;
  for (char *line = text, *end; *line; line = end) {
    end = line + strcspn(line, "\n");
    if (*end) *end++ = 0;
    at.line++;
    if (!line[strspn(line, " \t\r")]) continue;
    if (step->dispatches) return fail_at(&at, "a line after the step's", error);
    TRY(read_line(c, side, line, &at, error));
    lines++;
  }
  if (!lines) return fail(error, MOTE_ERROR_FORMAT, "%s: empty, expected the output of `mote profile --json`", path);
  if (!step->dispatches || step->dispatches != lines - 1)
    return fail(error, MOTE_ERROR_FORMAT, "%s: incomplete: %d lines, expected one a dispatch and then the step's", path,
                lines);
  return MOTE_OK;
}

static mote_status read_file(comparison *c, int side, const char *path, mote_error *error) {
  uint8_t *data;
  size_t bytes;
  TRY(file_read(path, FILE_BYTES, &data, &bytes, error));
  mote_status status = read_lines(c, side, (char *)data, path, error);
  free(data);
  return status;
}

static int by_difference(const void *a, const void *b) {
  const layer *x = a, *y = b;
  double left = fabs(x->ms[1] - x->ms[0]), right = fabs(y->ms[1] - y->ms[0]);
  int order = (left < right) - (left > right);
  return order ? order : strcmp(x->name, y->name);
}

// ---------------------------------------------------------------------------------------------------------------------
// Printing

static const char *kernels_of(const layer *layer, char text[2 * TEXT_BYTES + 8]) {
  const char *a = layer->kernels[0], *b = layer->kernels[1];
  bool same = !strcmp(a, b);
  snprintf(text, 2 * TEXT_BYTES + 8, "%s%s%s", *a ? a : "-", same ? "" : " -> ", same ? "" : *b ? b : "-");
  return text;
}

static void print_row(const char *name, const char *op, const double ms[SIDES], const char *kernels) {
  print("%-30s %-26s %10.3f %10.3f ", name, op, ms[0], ms[1]);
  // A layer that one file lacks has no ratio.
  if (ms[0] > 0 && ms[1] > 0)
    print("%7.2f", ms[1] / ms[0]);
  else
    print("%7s", "-");
  print("  %s\n", kernels);
}

static void print_text(const comparison *c) {
  char text[2 * TEXT_BYTES + 8];
  for (int side = 0; side < SIDES; side++)
    print("%c: a %s of batch %g, %g dispatches, on %s\n", "ab"[side],
           *c->steps[side].what == 's' ? "sampling step" : "training step", c->steps[side].batch,
           c->steps[side].dispatches, c->steps[side].device);
  print("%-30s %-26s %10s %10s %7s  %s\n", "layer", "op", "ms a", "ms b", "b/a", "kernel");
  for (size_t i = 0; i < c->count; i++)
    print_row(c->layers[i].name, c->layers[i].op, c->layers[i].ms, kernels_of(&c->layers[i], text));
  print_row("total", "", c->ms, "");
  print_row("step", "", (double[SIDES]){c->steps[0].ms, c->steps[1].ms}, "");
}

static cJSON *line(const char *what, const double ms[SIDES]) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "what", what);
  cJSON_AddNumberToObject(json, "ms_a", ms[0]);
  cJSON_AddNumberToObject(json, "ms_b", ms[1]);
  if (ms[0] > 0 && ms[1] > 0) cJSON_AddNumberToObject(json, "ratio", ms[1] / ms[0]);
  return json;
}

static void print_json(const comparison *c) {
  for (size_t i = 0; i < c->count; i++) {
    const layer *layer = &c->layers[i];
    cJSON *json = line("layer", layer->ms);
    cJSON_AddStringToObject(json, "layer", layer->name);
    cJSON_AddStringToObject(json, "op", layer->op);
    cJSON_AddStringToObject(json, "kernel_a", layer->kernels[0]);
    cJSON_AddStringToObject(json, "kernel_b", layer->kernels[1]);
    json_print_line(json);
  }
  json_print_line(line("total", c->ms));
  json_print_line(line("step", (double[SIDES]){c->steps[0].ms, c->steps[1].ms}));
}

mote_status profile_compare(const char *path_a, const char *path_b, bool json, mote_error *error) {
  comparison c = {0};
  mote_status status = read_file(&c, 0, path_a, error);
  if (!status) status = read_file(&c, 1, path_b, error);
  if (!status && strcmp(c.steps[0].what, c.steps[1].what))
    status = fail(error, MOTE_ERROR_FORMAT, "%s is of a %s step and %s of a %s step, expected two of one kind", path_a,
                  c.steps[0].what, path_b, c.steps[1].what);
  if (!status) {
    qsort(c.layers, c.count, sizeof *c.layers, by_difference);
    (json ? print_json : print_text)(&c);
  }
  free(c.layers);
  return status;
}

// selftest_print.c: a line for each case and each op of a self-test.
#include "tools/measure/selftest_print.h"

#include <math.h>

#include "tools/json.h"
#include "tools/say.h"

// With as many digits as `%g` shows: they are errors of rounding.
static void add_short_number(cJSON *object, const char *name, double value) {
  char text[32];
  snprintf(text, sizeof text, "%g", isfinite(value) ? value : 1e300);
  cJSON_AddRawToObject(object, name, text);
}

void selftest_print_compared(void *user, const selftest_result *result) {
  const selftest_print *how = user;
  if (how->json) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "event", "case");
    cJSON_AddStringToObject(object, "op", result->op);
    cJSON_AddStringToObject(object, "case", result->test->name);
    cJSON_AddBoolToObject(object, "gradient", result->gradient);
    cJSON_AddStringToObject(object, "kernels", result->kernels);
    add_short_number(object, "error", result->found);
    add_short_number(object, "tolerance", result->tolerance);
    cJSON_AddBoolToObject(object, "passed", result->passed);
    json_print_line(object);
  } else if (how->verbose || !result->passed) {
    print("%-16s %-8s %-40s error %8.1e, at most %8.1e  %s%s%s%s%s\n", result->op, result->gradient ? "gradient" : "",
          result->test->name, result->found, result->tolerance, result->passed ? "ok" : "FAILED", *result->kernels ? ", by " : "",
          result->kernels, *result->why ? ": " : "", result->why);
  }
}

static void print_nodes(const selftest_op_result *result, bool json) {
  const selftest_list *list = result->list;
  cJSON *object = json ? cJSON_CreateObject() : NULL, *nodes = NULL;
  if (json) {
    cJSON_AddStringToObject(object, "event", "op");
    cJSON_AddStringToObject(object, "op", result->op->name);
    cJSON_AddNumberToObject(object, "cases", result->op->cases->count);
    nodes = cJSON_AddObjectToObject(object, "nodes");
  } else {
    print("%-16s %2d case%s, nodes of", result->op->name, result->op->cases->count, result->op->cases->count == 1 ? "" : "s");
  }
  const char *separator = "";
  for (int k = 0; k < list->count; k++) {
    if (!result->nodes[k]) continue;
    if (json) cJSON_AddNumberToObject(nodes, list->ops[k].name, result->nodes[k]);
    else print("%s %s %d", separator, list->ops[k].name, result->nodes[k]);
    separator = ",";
  }
  if (json) json_print_line(object);
  else print("\n");
}

void selftest_print_op(void *user, const selftest_op_result *result) {
  const selftest_print *how = user;
  if (how->json || how->ops) print_nodes(result, how->json);
  for (int k = 0; k < result->list->count; k++)
    if (selftest_op_lacks(result, k)) say("%s: no case of %s makes a node of it", result->list->ops[k].name, result->op->name);
}

void selftest_print_untaken(void *user, const char *op, const char *kernel) {
  (void)user;
  say("%s: no case took its kernel %s", op, kernel);
}

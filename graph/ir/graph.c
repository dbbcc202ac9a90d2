// graph.c: keeps the tensors and nodes of a network while it is built.
#include "graph/ir/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/list.h"

graph *graph_create(const device_caps *caps) {
  graph *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  made->caps = caps;
  made->stage = STAGE_STEP;
  made->gradient_scale = 1;
  return made;
}

void graph_destroy(graph **pointer) {
  graph *graph = *pointer;
  *pointer = NULL;
  if (!graph) return;
  for (int i = 0; i < graph->node_count; i++) free(graph->nodes[i]);
  graph_truncate(graph, 0);
  free(graph->nodes);
  free(graph->tensors);
  free(graph);
}

void *graph_fail(graph *graph, const char *format, ...) {
  if (graph->status) return NULL;
  graph->status = graph->error.status = MOTE_ERROR_USAGE;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(graph->error.message, sizeof graph->error.message, format, arguments);
  va_end(arguments);
  return NULL;
}

void *graph_fail_memory(graph *graph) {
  graph_fail(graph, "out of memory");
  graph->status = graph->error.status = MOTE_ERROR_MEMORY;
  return NULL;
}

void graph_push(graph *graph, const char *name) {
  size_t length = strlen(graph->scope);
  snprintf(graph->scope + length, sizeof graph->scope - length, "%s%s", length ? "/" : "", name);
}

void graph_pop(graph *graph) {
  char *slash = strrchr(graph->scope, '/');
  *(slash ? slash : graph->scope) = 0;
}

static tensor *add_tensor(graph *graph, const char *name, shape shape, tensor_role role, tensor_kind kind) {
  if (graph->status) return NULL;
  if (shape.n < 1 || shape.c < 1 || shape.h < 1 || shape.w < 1)
    return graph_fail(graph, "tensor %s: %s is not a shape", name, shape_format(shape).text);
  tensor *tensor = calloc(1, sizeof *tensor);
  if (!tensor || !LIST_ROOM(graph->tensors, graph->tensor_count)) {
    free(tensor);
    return graph_fail_memory(graph);
  }
  snprintf(tensor->name, sizeof tensor->name, "%.95s", name);
  tensor->shape = shape;
  tensor->role = role;
  layout_assign(tensor, graph->caps ? graph->caps->kernels : MOTE_KERNELS_PLAIN);
  tensor->kind = kind;
  tensor->index = graph->tensor_count;
  graph->tensors[graph->tensor_count++] = tensor;
  return tensor;
}

// "down1/model.0" and "conv1.0.weight" make PyTorch's "down1.model.0.conv1.0.weight".
static tensor *add_named(graph *graph, const char *name, shape shape, tensor_role role, tensor_kind kind) {
  char full[2 * NAME_BYTES];
  snprintf(full, sizeof full, "%s%s%s", graph->scope, graph->scope[0] ? "." : "", name);
  for (char *c = full; *c; c++)
    if (*c == '/') *c = '.';
  tensor *known = kind == TENSOR_PARAMETER ? graph_find(graph, full) : NULL;
  if (!known) return add_tensor(graph, full, shape, role, kind);
  if (!shape_equal(known->shape, shape)) return graph_fail(graph, "%s: asked for with two shapes", full);
  return known;
}

tensor *graph_input(graph *graph, const char *name, shape shape, tensor_role role) {
  return add_named(graph, name, shape, role, TENSOR_INPUT);
}

tensor *graph_table(graph *graph, const char *name, int count) {
  tensor *table = graph_input(graph, name, (shape){1, count, 1, 1}, ROLE_TABLE);
  if (!table) return NULL;
  table->contents = calloc((size_t)count, sizeof *table->contents);
  return table->contents ? table : graph_fail_memory(graph);
}

tensor *graph_parameter(graph *graph, const char *name, const parameter_desc *desc) {
  const bool vector = desc->role >= PARAMETER_VECTOR;
  const int *dims = desc->dims;
  const shape weight = {dims[0], dims[1], desc->dim_count > 2 ? dims[2] : 1, desc->dim_count > 3 ? dims[3] : 1};
  tensor *parameter = add_named(graph, name, vector ? (shape){1, dims[0], 1, 1} : weight,
                                vector                                      ? ROLE_ACTIVATION
                                : desc->role == PARAMETER_WEIGHT_TRANSPOSED ? ROLE_WEIGHT_TRANSPOSED
                                                                            : ROLE_WEIGHT,
                                TENSOR_PARAMETER);
  if (!parameter) return NULL;
  parameter->parameter = *desc;
  parameter->requires_grad = !graph->frozen && desc->role <= PARAMETER_VECTOR;
  return parameter;
}

tensor *graph_external(graph *graph, const char *name, shape shape, tensor_role role, binding home) {
  tensor *tensor = add_named(graph, name, shape, role, TENSOR_EXTERNAL);
  if (tensor) tensor->home = home;
  return tensor;
}

tensor *graph_activation(graph *graph, const char *name, shape shape, tensor_role role) {
  return add_tensor(graph, name, shape, role, TENSOR_ACTIVATION);
}

void graph_note_loss(graph *graph, tensor *output, tensor *seed) {
  if (!output || !seed) return;
  graph->noted.output = output;
  graph->noted.seed = seed;
}

void graph_truncate(graph *graph, int count) {
  while (graph->tensor_count > count) {
    tensor *last = graph->tensors[--graph->tensor_count];
    free(last->contents);
    free(last);
  }
}

tensor *graph_find(const graph *graph, const char *name) {
  for (int i = 0; i < graph->tensor_count; i++)
    if (strcmp(graph->tensors[i]->name, name) == 0) return graph->tensors[i];
  return NULL;
}

node *graph_append(graph *graph, const op *op, tensor *const *inputs, int input_count, unsigned optional,
                   const void *attributes, size_t attribute_bytes) {
  if (graph->status) return NULL;
  for (int i = 0; i < input_count; i++)
    if (!inputs[i] && !(optional >> i & 1)) return graph_fail(graph, "%s: input %d is missing", op->name, i);
  if (input_count > MAX_INPUTS || attribute_bytes > ATTRIBUTE_BYTES)
    return graph_fail(graph, "%s: %d inputs and %zu bytes of attributes, at most %d and %d", op->name, input_count,
                      attribute_bytes, MAX_INPUTS, ATTRIBUTE_BYTES);
  node *node = calloc(1, sizeof *node);
  if (!node || !LIST_ROOM(graph->nodes, graph->node_count)) {
    free(node);
    return graph_fail_memory(graph);
  }
  node->op = op;
  node->writes = op->writes;
  node->stage = graph->stage;
  snprintf(node->label, sizeof node->label, "%s", graph->scope[0] ? graph->scope : op->name);
  memcpy(node->inputs, inputs, (size_t)input_count * sizeof *inputs);
  node->input_count = input_count;
  if (attribute_bytes) memcpy(node->attributes, attributes, attribute_bytes);
  node->index = graph->node_count;
  graph->nodes[graph->node_count++] = node;
  return node;
}

tensor *node_output(graph *graph, node *node, shape shape, tensor_role role) {
  if (node->output_count == MAX_OUTPUTS) return graph_fail(graph, "%s: more than %d outputs", node->op->name, MAX_OUTPUTS);
  char name[2 * NAME_BYTES], number[12] = "";
  if (node->output_count) snprintf(number, sizeof number, "%d", node->output_count);  // the first has none
  snprintf(name, sizeof name, "%.70s:%s%s", node->label, node->op->name, number);
  tensor *tensor = add_tensor(graph, name, shape, role, TENSOR_ACTIVATION);
  if (!tensor) return NULL;
  tensor->producer = node;
  for (int i = 0; i < node->input_count; i++)
    tensor->requires_grad |= node->inputs[i] && node->inputs[i]->requires_grad;
  node->outputs[node->output_count++] = tensor;
  return tensor;
}

double graph_multiply_adds(const graph *graph, stage stage) {
  double sum = 0;
  for (int i = 0; i < graph->node_count; i++) {
    const node *node = graph->nodes[i];
    if (node->stage == stage && !node->removed && node->op->multiply_adds) sum += node->op->multiply_adds(node);
  }
  return sum;
}

bool shape_equal(shape a, shape b) { return a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w; }

shape_text shape_format(shape shape) {
  shape_text text;
  snprintf(text.text, sizeof text.text, "%dx%dx%dx%d", shape.n, shape.c, shape.h, shape.w);
  return text;
}

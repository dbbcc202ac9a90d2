// layers.c: parameters and their ops, as PyTorch's modules join them.
#include "graph/nets/layers.h"

#include <math.h>
#include <stdio.h>

#include "graph/ops/ops.h"

static tensor *parameter(graph *graph, const char *name, const char *what, const parameter_desc *desc) {
  char full[NAME_BYTES];
  snprintf(full, sizeof full, "%s%s", name, what);
  return graph_parameter(graph, full, desc);
}

static tensor *vector(graph *graph, const char *name, const char *what, parameter_role role, int channels, double constant) {
  return parameter(graph, name, what,
                   &(parameter_desc){.role = role, .dim_count = 1, .dims = {channels}, .constant = constant});
}

typedef struct weight_and_bias {
  tensor *weight, *bias;
} weight_and_bias;

// Both uniform in ±1/√fan_in (PyTorch's kaiming_uniform_ with a = √5); fan_in is dimension 1 times the kernel, also of
// transposed convolutions.
static weight_and_bias affine(graph *graph, const char *name, parameter_desc weight, int channels) {
  double fan_in = 1;
  for (int i = 1; i < weight.dim_count; i++) fan_in *= weight.dims[i];
  weight.bound = 1 / sqrt(fan_in);
  parameter_desc bias = {
      .role = PARAMETER_VECTOR, .dim_count = 1, .dims = {channels}, .bound = weight.bound, .optional = weight.optional};
  tensor *first = parameter(graph, name, "weight", &weight);
  return (weight_and_bias){first, parameter(graph, name, "bias", &bias)};
}

tensor *linear_layer(graph *graph, const char *name, tensor *x, int channels) {
  if (!x) return NULL;
  const parameter_desc weight = {.role = PARAMETER_WEIGHT, .dim_count = 2, .dims = {channels, x->shape.c}};
  const weight_and_bias made = affine(graph, name, weight, channels);
  return linear(graph, x, made.weight, made.bias);
}

static weight_and_bias conv_parameters(graph *graph, const char *name, const tensor *x, int channels, int kernel, bool optional) {
  const parameter_desc weight = {
      .role = PARAMETER_WEIGHT, .dim_count = 4, .dims = {channels, x->shape.c, kernel, kernel}, .optional = optional};
  return affine(graph, name, weight, channels);
}

tensor *pixel_linear(graph *graph, const char *name, tensor *x, int channels) {
  if (!x) return NULL;
  const parameter_desc weight = {.role = PARAMETER_WEIGHT, .dim_count = 2, .dims = {channels, x->shape.c}};
  const weight_and_bias made = affine(graph, name, weight, channels);
  return conv(graph, x, made.weight, made.bias);
}

static tensor *conv_layer(graph *graph, const char *name, tensor *x, int channels, int kernel, bool optional) {
  if (!x) return NULL;
  const weight_and_bias made = conv_parameters(graph, name, x, channels, kernel, optional);
  return conv(graph, x, made.weight, made.bias);
}

tensor *square_conv(graph *graph, const char *name, tensor *x, int channels, int kernel) {
  return conv_layer(graph, name, x, channels, kernel, false);
}

tensor *optional_conv(graph *graph, const char *name, tensor *x, int channels, int kernel) {
  return conv_layer(graph, name, x, channels, kernel, true);
}

tensor *down_conv(graph *graph, const char *name, tensor *x, int channels, int padding) {
  if (!x) return NULL;
  const weight_and_bias made = conv_parameters(graph, name, x, channels, 3, false);
  return conv_down(graph, x, made.weight, made.bias, padding);
}

tensor *square_conv_transpose(graph *graph, const char *name, tensor *x, int channels, int kernel) {
  if (!x) return NULL;
  const parameter_desc weight = {
      .role = PARAMETER_WEIGHT_TRANSPOSED, .dim_count = 4, .dims = {x->shape.c, channels, kernel, kernel}};
  const weight_and_bias made = affine(graph, name, weight, channels);
  return conv_transpose(graph, x, made.weight, made.bias);
}

tensor *group_norm_layer(graph *graph, const char *name, tensor *x) { return group_norm_of(graph, name, x, 8, 1e-5f); }

tensor *group_norm_of(graph *graph, const char *name, tensor *x, int groups, float epsilon) {
  if (!x) return NULL;
  tensor *beta = vector(graph, name, "bias", PARAMETER_VECTOR, x->shape.c, 0);  // the first of the two in training states of 0.1
  return group_norm(graph, x, vector(graph, name, "weight", PARAMETER_VECTOR, x->shape.c, 1), beta, groups, epsilon);
}

tensor *batch_norm_layer(graph *graph, const char *name, tensor *x, bool train) {
  if (!x) return NULL;
  const int channels = x->shape.c;
  batch_norm_tensors norm = {.gamma = vector(graph, name, "weight", PARAMETER_VECTOR, channels, 1)};
  norm.beta = vector(graph, name, "bias", PARAMETER_VECTOR, channels, 0);
  norm.running_mean = vector(graph, name, "running_mean", PARAMETER_MEAN, channels, 0);
  norm.running_var = vector(graph, name, "running_var", PARAMETER_VARIANCE, channels, 1);
  return batch_norm(graph, x, &norm, train);
}

tensor *conv_norm_gelu(graph *graph, const char *name, tensor *x, int channels, bool train) {
  graph_push(graph, name);
  x = square_conv(graph, "0.", x, channels, 3);
  x = gelu(graph, batch_norm_layer(graph, "1.", x, train));
  graph_pop(graph);
  return x;
}

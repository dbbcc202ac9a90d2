// context_unet.c: builds the UNet of the sprite diffusion course, f = n_feat features wide.
#include <stdio.h>

#include "graph/nets/layers.h"
#include "graph/nets/network.h"
#include "graph/ops/ops.h"

static tensor *block(graph *graph, const char *name, tensor *x, int channels, bool train) {
  graph_push(graph, name);
  x = conv_norm_gelu(graph, "conv1", x, channels, train);
  x = conv_norm_gelu(graph, "conv2", x, channels, train);
  graph_pop(graph);
  return x;
}

// The first block, (shortcut(x) + conv2(conv1(x))) / 1.414. 1.414 is what the original divides by, not √2.
static tensor *residual_block(graph *graph, tensor *x, int channels, bool train) {
  graph_push(graph, "init_conv");
  graph_push(graph, "shortcut");
  tensor *shortcut = optional_conv(graph, "", x, channels, 1);
  graph_pop(graph);
  x = conv_norm_gelu(graph, "conv1", x, channels, train);
  x = conv_norm_gelu(graph, "conv2", x, channels, train);
  x = add(graph, shortcut, x, 1 / 1.414f);
  graph_pop(graph);
  return x;
}

static tensor *down(graph *graph, const char *name, tensor *x, int channels, bool train) {
  graph_push(graph, name);
  x = block(graph, "model.0", x, channels, train);
  x = block(graph, "model.1", x, channels, train);
  graph_push(graph, "model.2");
  x = max_pool(graph, x);
  graph_pop(graph);
  graph_pop(graph);
  return x;
}

// (N, in) → linear, GELU, linear → (N, channels).
static tensor *embed(graph *graph, const char *name, tensor *x, int channels) {
  graph_push(graph, name);
  x = gelu(graph, linear_layer(graph, "model.0.", x, channels));
  x = linear_layer(graph, "model.2.", x, channels);
  graph_pop(graph);
  return x;
}

// Context and time in, the skip connection beside it, twice the size.
static tensor *up(graph *graph, const char *name, tensor *x, tensor *skip, int channels, bool train) {
  graph_push(graph, name);
  graph_push(graph, "model.0");
  x = square_conv_transpose(graph, "", concat(graph, x, skip), channels, 2);
  graph_pop(graph);
  x = block(graph, "model.1", x, channels, train);
  x = block(graph, "model.2", x, channels, train);
  graph_pop(graph);
  return x;
}

static tensor *condition(graph *graph, const char *name, tensor *x, tensor *context, tensor *time, tensor *step) {
  graph_push(graph, name);
  x = scale_shift(graph, x, context, time, step);
  graph_pop(graph);
  return x;
}

static network_outputs build(graph *graph, const mote_model_info *info, const network_inputs *inputs) {
  int f = info->n_feat, h = info->height;
  bool train = inputs->train;
  stage stage = graph->stage;
  if (inputs->step) graph->stage = STAGE_ONCE;
  tensor *context1 = embed(graph, "contextembed1", inputs->context, 2 * f);
  tensor *time1 = embed(graph, "timeembed1", inputs->time, 2 * f);
  tensor *context2 = embed(graph, "contextembed2", inputs->context, f);
  tensor *time2 = embed(graph, "timeembed2", inputs->time, f);
  graph->stage = stage;

  tensor *first = residual_block(graph, inputs->x, f, train);           // (N, f, h, h)
  tensor *down1 = down(graph, "down1", first, f, train);                // (N, f, h/2, h/2)
  tensor *down2 = down(graph, "down2", down1, 2 * f, train);            // (N, 2f, h/4, h/4)
  graph_push(graph, "to_vec");
  tensor *bottleneck = gelu(graph, mean_pool(graph, down2));            // (N, 2f, 1, 1)
  graph_pop(graph);

  graph_push(graph, "up0");
  tensor *x = square_conv_transpose(graph, "0.", bottleneck, 2 * f, h / 4);
  x = relu(graph, group_norm_layer(graph, "1.", x));                    // (N, 2f, h/4, h/4)
  graph_pop(graph);
  x = condition(graph, "condition1", x, context1, time1, inputs->step);
  x = up(graph, "up1", x, down2, f, train);                             // (N, f, h/2, h/2)
  x = condition(graph, "condition2", x, context2, time2, inputs->step);
  x = up(graph, "up2", x, down1, f, train);                             // (N, f, h, h)

  graph_push(graph, "out");
  x = square_conv(graph, "0.", concat(graph, x, first), f, 3);
  x = relu(graph, group_norm_layer(graph, "1.", x));
  x = square_conv(graph, "3.", x, info->channels, 3);                   // (N, C, h, h)
  graph_pop(graph);
  return (network_outputs){.y = x};
}

// The way back up begins with a kernel as large as what is left of the image, which is square.
static bool check(const mote_model_info *info, char *text, size_t bytes) {
  if (!info->width || info->width == info->height) return true;
  snprintf(text, bytes, "width is %d, expected the height, which is %d", info->width, info->height);
  return false;
}

#define FIRST "init_conv.conv1.0.weight"

static const network_setting settings[] = {
    {SETTING_CHANNELS, .tensor = FIRST, .dim = 1, .factor = 1},
    {SETTING_HEIGHT, .multiple = 4, .tensor = "up0.0.weight", .dim = 2, .factor = 4},
    {SETTING_WIDTH, .multiple = 4},
    {SETTING_FEATURES, .usual = "64", .usual_on_cpu = "32", .tensor = FIRST, .dim = 0, .factor = 1},
    {SETTING_CONTEXT, .tensor = "contextembed1.model.0.weight", .dim = 1, .factor = 1},
    {0},
};

const network context_unet_network = {.name = "context_unet", .settings = settings, .check = check, .build = build};

// unet2d.c: the UNet2DModel family of diffusers. Its settings are those of config.json, its parameters have the checkpoint's names.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/layout.h"
#include "graph/nets/layers.h"
#include "graph/nets/network.h"
#include "graph/nets/settings.h"
#include "graph/ops/ops.h"

enum { LEVELS = 8, LAYERS = 8, SKIPS = LEVELS * (LAYERS + 1) + 1 };  // at most

static const char *const down_blocks[] = {"DownBlock2D", "AttnDownBlock2D", NULL};
static const char *const up_blocks[] = {"UpBlock2D", "AttnUpBlock2D", NULL};
static const char *const mid_blocks[] = {"UNetMidBlock2D", "none", NULL};
static const char *const norms[] = {"default", "scale_shift", NULL};
static const char *const samplers[] = {"conv", "resnet", NULL};
static const char *const activations[] = {"silu", "gelu", "mish", "relu", NULL};
static const uint32_t activation_kinds[] = {ACTIVATION_SILU, ACTIVATION_GELU, ACTIVATION_MISH, ACTIVATION_RELU};

// The settings as numbers, and what all blocks look at.
typedef struct unet {
  graph *graph;
  int levels, widths[LEVELS], layers;
  bool down_attends[LEVELS], up_attends[LEVELS], has_middle, middle_attends, scales, down_by_resnet, up_by_resnet;
  int groups, head, middle_groups, padding, time_width;  // head 0: one; middle_groups 0: no norm
  float epsilon, middle_scale;
  uint32_t activation;
  tensor *embedding;  // the activation of time's and class's embedding, (N or steps, D, 1, 1)
  float dropout;
  const network_inputs *inputs;
  tensor *step;       // the step buffer if that has a row a step, else NULL
  tensor *skips[SKIPS];
  int skip_count;
} unet;

static int int_of(const mote_model_info *info, const char *name) { return (int)setting_of(info, name).numbers[0]; }

static unet unet_of(const mote_model_info *info) {
  const setting_value widths = setting_of(info, "block_out_channels"), downs = setting_of(info, "down_block_types"),
                      ups = setting_of(info, "up_block_types");
  unet u = {.levels = widths.count, .layers = int_of(info, "layers_per_block")};
  for (int i = 0; i < widths.count; i++) {
    u.widths[i] = (int)widths.numbers[i];
    u.down_attends[i] = downs.numbers[i] != 0;
    u.up_attends[i] = ups.numbers[i] != 0;
  }
  u.has_middle = int_of(info, "mid_block_type") == 0;
  u.middle_attends = int_of(info, "add_attention");
  u.scales = int_of(info, "resnet_time_scale_shift");
  u.down_by_resnet = int_of(info, "downsample_type");
  u.up_by_resnet = int_of(info, "upsample_type");
  u.groups = int_of(info, "norm_num_groups");
  u.head = int_of(info, "attention_head_dim");
  // The middle's attention has a norm where it is asked for, or blocks add the time.
  u.middle_groups = int_of(info, "attn_norm_num_groups");
  if (u.middle_groups == 0 && !u.scales) u.middle_groups = u.groups;
  u.time_width = int_of(info, "time_embedding_dim");
  if (u.time_width == 0) u.time_width = 4 * u.widths[0];
  u.padding = int_of(info, "downsample_padding");
  u.epsilon = (float)setting_of(info, "norm_eps").numbers[0];
  u.middle_scale = (float)(1 / setting_of(info, "mid_block_scale_factor").numbers[0]);
  u.activation = activation_kinds[int_of(info, "act_fn")];
  return u;
}

// A name with a number, "down_blocks.0", which is pushed; "attentions.0." has a dot at its end.
typedef struct numbered {
  char text[32];
} numbered;

static numbered number(const char *format, int i) {
  numbered made;
  snprintf(made.text, sizeof made.text, format, i);
  return made;
}

// An input of this shape that the program fills with `value`.
static tensor *constant(graph *graph, const char *name, shape shape, float value) {
  tensor *made = graph_input(graph, name, shape, ROLE_ACTIVATION);
  if (!made) return NULL;
  const size_t count = tensor_elements(made);
  float *rows = malloc(count * sizeof *rows);
  made->contents = calloc(1, tensor_bytes(made));
  for (size_t i = 0; i < count && rows; i++) rows[i] = value;
  if (rows && made->contents) layout_pack(made, rows, (float *)(void *)made->contents);
  free(rows);
  return rows && made->contents ? made : graph_fail_memory(graph);
}

// ---------------------------------------------------------------------------------------------------------------------
// Blocks

typedef enum resize { SAME, HALF, TWICE } resize;

static tensor *resized(unet *u, tensor *x, resize to) {
  return to == HALF ? average_pool(u->graph, x) : to == TWICE ? upsample(u->graph, x) : x;
}

static tensor *norm_of(unet *u, const char *name, tensor *x) { return group_norm_of(u->graph, name, x, u->groups, u->epsilon); }

// What time says to `channels` channels: a term, or a factor less 1 and a term. Made once a run where it has a row a step.
static tensor *time_of(unet *u, int channels) {
  const stage stage = u->graph->stage;
  if (u->step) u->graph->stage = STAGE_ONCE;
  tensor *made = linear_layer(u->graph, "time_emb_proj.", u->embedding, u->scales ? 2 * channels : channels);
  u->graph->stage = stage;
  return made;
}

// What conv2 takes, of which training drops some.
static tensor *dropped(unet *u, tensor *x) {
  return u->dropout > 0 && u->inputs->state ? dropout(u->graph, x, u->dropout, u->inputs->state, u->inputs->drawn) : x;
}

// Default: conv2(act(norm2(conv1(act(norm1(x))) + time))) + shortcut(x), times `scale`; else norm2(…) · (1 + a) + b.
static tensor *resnet(unet *u, const char *name, tensor *x, int channels, float scale, resize to) {
  graph *graph = u->graph;
  if (!x) return NULL;
  graph_push(graph, name);
  tensor *h = resized(u, activation(graph, norm_of(u, "norm1.", x), u->activation), to);
  h = square_conv(graph, "conv1.", h, channels, 3);
  tensor *time = time_of(u, channels);
  if (u->scales)
    h = scale_shift(graph, norm_of(u, "norm2.", h), time, NULL, u->step);
  else
    h = norm_of(u, "norm2.", scale_shift(graph, h, NULL, time, u->step));
  h = square_conv(graph, "conv2.", dropped(u, activation(graph, h, u->activation)), channels, 3);
  tensor *shortcut = resized(u, x, to);
  if (x->shape.c != channels) shortcut = square_conv(graph, "conv_shortcut.", shortcut, channels, 1);
  h = add(graph, shortcut, h, scale);
  graph_pop(graph);
  return h;
}

// Pixels look at each other: (to_out(attention(q, k, v of norm(x))) + x) · scale.
static tensor *attend(unet *u, const char *name, tensor *x, int groups, float scale) {
  graph *graph = u->graph;
  if (!x) return NULL;
  const int channels = x->shape.c;
  graph_push(graph, name);
  tensor *h = groups ? group_norm_of(graph, "group_norm.", x, groups, u->epsilon) : x;
  tensor *q = pixel_linear(graph, "to_q.", h, channels), *k = pixel_linear(graph, "to_k.", h, channels);
  tensor *v = pixel_linear(graph, "to_v.", h, channels);
  h = attention(graph, q, k, v, u->head ? channels / u->head : 1);
  h = add(graph, x, pixel_linear(graph, "to_out.0.", h, channels), scale);
  graph_pop(graph);
  return h;
}

static tensor *layer(unet *u, int i, tensor *x, int channels, bool attends) {
  x = resnet(u, number("resnets.%d", i).text, x, channels, 1, SAME);
  return attends ? attend(u, number("attentions.%d", i).text, x, u->groups, 1) : x;
}

static tensor *keep(unet *u, tensor *x) { return u->skips[u->skip_count++] = x; }

// A block's last layer, but for the last block, leads to the next size: always a convolution where it does not attend.
static tensor *down_block(unet *u, int i, tensor *x) {
  const int channels = u->widths[i];
  graph_push(u->graph, number("down_blocks.%d", i).text);
  for (int k = 0; k < u->layers; k++) x = keep(u, layer(u, k, x, channels, u->down_attends[i]));
  if (i + 1 < u->levels && u->down_attends[i] && u->down_by_resnet)
    x = keep(u, resnet(u, "downsamplers.0", x, channels, 1, HALF));
  else if (i + 1 < u->levels)
    x = keep(u, down_conv(u->graph, "downsamplers.0.conv.", x, channels, u->padding));
  graph_pop(u->graph);
  return x;
}

static tensor *up_block(unet *u, int i, tensor *x) {
  const int channels = u->widths[u->levels - 1 - i];
  graph_push(u->graph, number("up_blocks.%d", i).text);
  for (int k = 0; k <= u->layers; k++)
    x = layer(u, k, concat(u->graph, x, u->skips[--u->skip_count]), channels, u->up_attends[i]);
  if (i + 1 < u->levels && u->up_attends[i] && u->up_by_resnet)
    x = resnet(u, "upsamplers.0", x, channels, 1, TWICE);
  else if (i + 1 < u->levels)
    x = square_conv(u->graph, "upsamplers.0.conv.", upsample(u->graph, x), channels, 3);
  graph_pop(u->graph);
  return x;
}

static tensor *middle(unet *u, tensor *x) {
  const int channels = u->widths[u->levels - 1];
  graph_push(u->graph, "mid_block");
  x = resnet(u, "resnets.0", x, channels, u->middle_scale, SAME);
  if (u->middle_attends) x = attend(u, "attentions.0", x, u->middle_groups, u->middle_scale);
  x = resnet(u, "resnets.1", x, channels, u->middle_scale, SAME);
  graph_pop(u->graph);
  return x;
}

// ---------------------------------------------------------------------------------------------------------------------
// The network

// A row of the table for each class, here mixed by the context's numbers: none of them adds nothing.
static tensor *embed_class(graph *graph, tensor *context, int width) {
  const parameter_desc table = {.role = PARAMETER_WEIGHT_TRANSPOSED, .dim_count = 2, .dims = {context->shape.c, width}, .bound = 1};
  tensor *weight = graph_parameter(graph, "class_embedding.weight", &table);
  return conv_transpose(graph, context, weight, constant(graph, "no_bias", (shape){1, width, 1, 1}, 0));
}

// Of time alone there is a row a step, made once a run; with the class's there is one an image, made in each step.
static void embed(unet *u, const mote_model_info *info, const network_inputs *inputs) {
  graph *graph = u->graph;
  const stage stage = graph->stage;
  if (inputs->step) graph->stage = STAGE_ONCE;
  graph_push(graph, "time_embedding");
  tensor *time = sinusoids(graph, inputs->time, u->widths[0], int_of(info, "flip_sin_to_cos"), (float)int_of(info, "freq_shift"));
  time = activation(graph, linear_layer(graph, "linear_1.", time, u->time_width), ACTIVATION_SILU);
  time = linear_layer(graph, "linear_2.", time, u->time_width);
  graph_pop(graph);
  if (info->n_cfeat) {
    tensor *classes = embed_class(graph, inputs->context, u->time_width);
    graph->stage = stage;
    time = scale_shift(graph, classes, NULL, time, inputs->step);
  } else {
    u->step = inputs->step;
  }
  u->embedding = activation(graph, time, u->activation);
  graph->stage = stage;
}

static network_outputs build(graph *graph, const mote_model_info *info, const network_inputs *inputs) {
  unet u = unet_of(info);
  u.graph = graph;
  u.inputs = inputs;
  u.dropout = (float)setting_of(info, "dropout").numbers[0];
  embed(&u, info, inputs);
  tensor *x = inputs->x;
  if (int_of(info, "center_input_sample")) x = add(graph, x, constant(graph, "minus_half", x->shape, -0.5f), 2);  // 2x - 1
  x = keep(&u, square_conv(graph, "conv_in.", x, u.widths[0], 3));
  for (int i = 0; i < u.levels; i++) x = down_block(&u, i, x);
  if (u.has_middle) x = middle(&u, x);
  for (int i = 0; i < u.levels; i++) x = up_block(&u, i, x);
  x = activation(graph, norm_of(&u, "conv_norm_out.", x), ACTIVATION_SILU);
  return (network_outputs){.y = square_conv(graph, "conv_out.", x, network_output_shape(info, 1).c, 3)};
}

static bool check_head(const unet *u, const char *where, int channels, char *text, size_t bytes) {
  if (!u->head || channels % u->head == 0) return true;
  snprintf(text, bytes, "attention_head_dim is %d, expected a divisor of the %d channels of %s", u->head, channels, where);
  return false;
}

static bool check_levels(const unet *u, char *text, size_t bytes) {
  for (int i = 0; i < u->levels; i++) {
    const int up = u->widths[u->levels - 1 - i];
    if (u->widths[i] % u->groups) {
      snprintf(text, bytes, "norm_num_groups is %d, expected a divisor of the %d channels of down_blocks.%d", u->groups, u->widths[i], i);
      return false;
    }
    if (u->down_attends[i] && !check_head(u, number("down_blocks.%d", i).text, u->widths[i], text, bytes)) return false;
    if (u->up_attends[i] && !check_head(u, number("up_blocks.%d", i).text, up, text, bytes)) return false;
  }
  const int last = u->widths[u->levels - 1];
  if (!u->has_middle || !u->middle_attends) return true;
  if (!u->middle_groups || last % u->middle_groups == 0) return check_head(u, "mid_block", last, text, bytes);
  snprintf(text, bytes, "attn_norm_num_groups is %d, expected a divisor of the %d channels of mid_block", u->middle_groups, last);
  return false;
}

static bool check(const mote_model_info *info, char *text, size_t bytes) {
  static const char *const lists[] = {"down_block_types", "up_block_types"};
  const int levels = setting_of(info, "block_out_channels").count, multiple = 1 << (levels - 1);
  for (int i = 0; i < 2; i++)
    if (setting_of(info, lists[i]).count != levels) {
      snprintf(text, bytes, "%s names %d blocks, expected as many as block_out_channels, which is %d", lists[i],
               setting_of(info, lists[i]).count, levels);
      return false;
    }
  const int sides[] = {info->height, info->width ? info->width : info->height};
  for (int i = 0; i < 2; i++)
    if (sides[i] % multiple) {
      snprintf(text, bytes, "%s is %d, expected a multiple of %d, by which %d levels divide it", i ? "width" : "height", sides[i],
               multiple, levels);
      return false;
    }
  const unet u = unet_of(info);
  return check_levels(&u, text, bytes);
}

// Lists with a word or number for each level, of which one that was told decides how long the others are.
static const char *const level_lists[] = {"block_out_channels", "down_block_types", "up_block_types"};
enum { CHANNEL_LIST, DOWN_LIST, UP_LIST, LEVEL_LISTS };

// Levels until a side is 4 to 7, or odd, four at most, unless they were told.
static int level_count(const mote_model_info *given) {
  int levels = 1;
  const int height = given->height, width = given->width ? given->width : height, least = width < height ? width : height;
  while (levels < 4 && (width | height) % (1 << levels) == 0 && least >> levels >= 4) levels++;
  for (int i = 0; i < LEVEL_LISTS; i++) {
    const network_setting *told = setting_find(&unet2d_network, level_lists[i]);
    if (setting_is_told(given, told)) levels = setting_get(given, told).count;
  }
  return levels;
}

// Of the levels those that attend, as words of the two lists of blocks.
static void name_blocks(const bool *attends, int levels, int list, char *text, size_t bytes) {
  const char *const *names = list == DOWN_LIST ? down_blocks : up_blocks;
  size_t used = 0;
  for (int i = 0; i < levels && used < bytes; i++)
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? "," : "", names[attends[list == DOWN_LIST ? i : levels - 1 - i]]);
}

// The lowest level attends, of four or more the two lowest.
static bool usual(const mote_model_info *given, const network_setting *setting, bool on_cpu, char *text, size_t bytes) {
  static const char *const channels[] = {"64", "64,128", "64,128,128", "64,128,128,256"},
                    *const on_cpus[] = {"32", "32,64", "32,64,64", "32,64,64,128"};
  const int levels = level_count(given);
  bool attends[LEVELS] = {0};
  int list = 0;
  while (list < LEVEL_LISTS && strcmp(setting->name, level_lists[list])) list++;
  if (list == LEVEL_LISTS || levels < 1 || levels > (list == CHANNEL_LIST ? 4 : LEVELS)) return false;
  for (int i = levels < 4 ? levels - 1 : levels - 2; i < levels; i++) attends[i] = true;
  if (list == CHANNEL_LIST)
    snprintf(text, bytes, "%s", (on_cpu ? on_cpus : channels)[levels - 1]);
  else
    name_blocks(attends, levels, list, text, bytes);
  return true;
}

static bool put_text(mote_model_info *info, const char *name, const char *text) {
  const network_setting *setting = setting_find(&unet2d_network, name);
  setting_value value;
  return setting_parse(setting, text, &value) && setting_put(info, setting, &value);
}

static bool fail_heights(const mote_model_info *info, int levels, char *why, size_t bytes) {
  size_t used = (size_t)snprintf(why, bytes, "none, or heights that the levels have, which are");
  for (int i = 0; i < levels && used < bytes; i++)
    used += (size_t)snprintf(why + used, bytes - used, "%s%d", i ? ", " : " ", info->height >> i);
  return false;
}

// The levels of these heights attend, and no other; after "none" the middle does not either.
static bool put_attention(mote_model_info *info, const char *text, char *why, size_t bytes) {
  static const network_setting heights = {.most = LEVELS};
  const bool none = !strcmp(text, "none");
  const int levels = level_count(info);
  bool attends[LEVELS] = {0};
  setting_value value = {0};
  if (levels < 1 || levels > LEVELS || (!none && !setting_parse(&heights, text, &value))) return fail_heights(info, levels, why, bytes);
  for (int k = 0; k < value.count; k++) {
    int i = 0;
    while (i < levels && info->height >> i != value.numbers[k]) i++;
    if (i == levels) return fail_heights(info, levels, why, bytes);
    attends[i] = true;
  }
  for (int list = DOWN_LIST; list <= UP_LIST; list++) {
    char names[LEVELS * 20];
    name_blocks(attends, levels, list, names, sizeof names);
    if (!put_text(info, level_lists[list], names)) return fail_heights(info, levels, why, bytes);
  }
  return !none || put_text(info, "add_attention", "false");
}

static const network_form forms[] = {
    {"features", "C,C,...", "unet2d: channels of each level, multiples of 8, such as 64,128,128; short for --block-out-channels", "block_out_channels", NULL},
    {"attention", "H,H,...|none", "unet2d: heights of the levels that attend, such as 16,8; none: nor does the middle (default: the lowest, of "
     "four or more the two lowest)", NULL, put_attention},
    {"blocks", "N", "unet2d: of a level on the way down; short for --layers-per-block", "layers_per_block", NULL},
    {"groups", "G", "unet2d: of GroupNorm; short for --norm-num-groups", "norm_num_groups", NULL},
    {0},
};

// ---------------------------------------------------------------------------------------------------------------------
// What settings come to, as `mote info` says it

static void describe_head(const mote_model_info *info, char *text, size_t bytes) {
  if (int_of(info, "attention_head_dim") == 0) snprintf(text, bytes, "all, of one head");
}

static void describe_middle_groups(const mote_model_info *info, char *text, size_t bytes) {
  const unet u = unet_of(info);
  if (!u.has_middle || !u.middle_attends)
    snprintf(text, bytes, "none: there is no attention");
  else if (u.middle_groups)
    snprintf(text, bytes, "%d", u.middle_groups);
  else
    snprintf(text, bytes, "none: the attention there has no norm");
}

static void describe_time(const mote_model_info *info, char *text, size_t bytes) {
  snprintf(text, bytes, "%s", int_of(info, "resnet_time_scale_shift") ? "scales and shifts channels" : "is added to channels");
}

static void describe_time_width(const mote_model_info *info, char *text, size_t bytes) {
  snprintf(text, bytes, "%d numbers", unet_of(info).time_width);
}

static void describe_range(const mote_model_info *info, char *text, size_t bytes) {
  snprintf(text, bytes, "%s", int_of(info, "center_input_sample") ? "2x - 1 of each number x" : "images as they are");
}

#define CHOICE(title_of, name_of, words, first) .name = name_of, .title = title_of, .type = VALUE_CHOICE, .choices = words, .usual = first

static const network_setting settings[] = {
    {.name = "channels", .of_data = true, .field = offsetof(mote_model_info, channels), .low = 1, .high = 1024,
     .tensor = "conv_in.weight", .dim = 1, .factor = 1},
    {.name = "out_channels", .of_data = true, .field = offsetof(mote_model_info, out_channels), .low = 1, .high = 1024,
     .like = "channels", .tensor = "conv_out.weight", .dim = 0, .factor = 1},
    {.name = "height", .of_data = true, .field = offsetof(mote_model_info, height), .low = 1, .high = 1024},
    {.name = "width", .of_data = true, .field = offsetof(mote_model_info, width), .low = 1, .high = 1024, .like = "height"},
    {.name = "n_cfeat", .of_data = true, .field = offsetof(mote_model_info, n_cfeat), .low = 0, .high = MOTE_MAX_CONTEXT},
    {.name = "block_out_channels", .most = LEVELS, .low = 8, .high = 2048, .multiple = 8, .title = "channels", .usual = "64,128,128",
     .usual_on_cpu = "32,64,64", .argument = "C,C,...", .help = "channels of each level, multiples of 8, the first as "
     "large as the image; by default as many as its size asks for, of 16 x 16"},
    {.name = "layers_per_block", .low = 1, .high = LAYERS, .usual = "2", .title = "layers", .argument = "N",
     .help = "of a level on the way down; one more on the way up"},
    {CHOICE("way down", "down_block_types", down_blocks, "DownBlock2D,DownBlock2D,AttnDownBlock2D"), .most = LEVELS,
     .argument = "B,B,...", .help = "DownBlock2D or AttnDownBlock2D for each level, of which by default the lower ones attend"},
    {CHOICE("way up", "up_block_types", up_blocks, "AttnUpBlock2D,UpBlock2D,UpBlock2D"), .most = LEVELS, .argument = "B,B,...",
     .help = "UpBlock2D or AttnUpBlock2D for each level, the smallest first"},
    {CHOICE("middle", "mid_block_type", mid_blocks, "UNetMidBlock2D"), .argument = "B", .help = "UNetMidBlock2D or none"},
    {.name = "add_attention", .type = VALUE_BOOL, .usual = "true", .title = "middle attends", .argument = "true|false",
     .help = "whether the middle attends"},
    {CHOICE("activation", "act_fn", activations, "silu"), .argument = "NAME", .help = "silu, gelu, mish or relu"},
    {.name = "norm_num_groups", .low = 1, .high = 1024, .usual = "8", .title = "groups", .argument = "G", .help = "of GroupNorm"},
    {.name = "norm_eps", .type = VALUE_DOUBLE, .low = 1e-12, .high = 1, .usual = "1e-05", .title = "epsilon", .argument = "E",
     .help = "of GroupNorm"},
    {.name = "attention_head_dim", .low = 0, .high = 2048, .usual = "8", .title = "channels a head", .argument = "C",
     .describe = describe_head, .help = "of attention; 0: one head"},
    {.name = "attn_norm_num_groups", .low = 0, .high = 1024, .usual = "0", .title = "middle's groups", .argument = "G",
     .describe = describe_middle_groups, .help = "of the middle's attention; 0: as all others"},
    {CHOICE("time", "resnet_time_scale_shift", norms, "default"), .argument = "NAME", .describe = describe_time,
     .help = "default, which is a sum, or scale_shift"},
    {CHOICE("halves by", "downsample_type", samplers, "conv"), .argument = "NAME", .help = "conv or resnet, of levels that attend"},
    {CHOICE("doubles by", "upsample_type", samplers, "conv"), .argument = "NAME", .help = "conv or resnet, of levels that attend"},
    {.name = "downsample_padding", .low = 0, .high = 1, .usual = "1", .title = "padding", .argument = "N",
     .help = "0 or 1, of the convolution that halves"},
    {.name = "mid_block_scale_factor", .type = VALUE_DOUBLE, .low = 1e-3, .high = 1e3, .usual = "1", .title = "middle divides",
     .argument = "X", .help = "by which sums there are divided"},
    {.name = "time_embedding_dim", .low = 0, .high = 8192, .multiple = 8, .usual = "0", .title = "time embedding", .argument = "N",
     .describe = describe_time_width, .help = "numbers of it; 0: four times the first channels"},
    {.name = "flip_sin_to_cos", .type = VALUE_BOOL, .usual = "true", .title = "cosines first", .argument = "true|false",
     .help = "in the time embedding"},
    {.name = "freq_shift", .low = 0, .high = 3, .usual = "0", .title = "frequency shift", .argument = "N",
     .help = "0 to 3, in the time embedding"},
    {.name = "center_input_sample", .type = VALUE_BOOL, .usual = "false", .title = "input", .argument = "true|false",
     .describe = describe_range, .help = "whether images go from 0 to 1"},
    {.name = "dropout", .type = VALUE_DOUBLE, .low = 0, .high = 0.99, .usual = "0", .title = "dropout", .argument = "P",
     .help = "which part of what a block's last convolution takes is zero in training, by chance"},
    {0},
};

const network unet2d_network = {
    .name = "unet2d", .counts_from_0 = true, .settings = settings, .forms = forms, .usual = usual, .check = check, .build = build};

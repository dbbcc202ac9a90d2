// conv_tile.c: chooses tiles by the work there is: large ones reuse more of what they load, small ones fill the device.
#include "graph/kernels/conv_tile.h"

#include <string.h>

#include "shaders/conv.h"
#include "shaders/conv_weight_gradient.h"

// Workgroups that a mid-sized GPU should get: two for each of some 32 cores. Vulkan does not say how many there are.
enum { WANTED_GROUPS = 64 };
// Weight gradients have small workgroups of 64, of which a core takes several.
enum { WANTED_GRADIENT_GROUPS = 512, MOST_PARTS = 32, LEAST_STAGES = 4 };
// Every device has that much shared memory, in vec4.
enum { SHARED_VECTORS = 16384 / 16 };

typedef struct conv_tile {
  int blocks, lanes, pixels, split, units;
} conv_tile;

// The first five from the largest to the smallest; suiting_tile chooses among them. The first takes 256 invocations, the others no
// more than every device has. The rest are for the tuner alone.
static const conv_tile conv_tiles[] = {
    {8, 32, 4, 1, 2},  // 64 channels × 128 pixels
    {8, 16, 4, 1, 2},  // 64 × 64
    {4, 16, 4, 1, 2},  // 32 × 64
    {4, 16, 2, 2, 2},  // 32 × 32
    {2, 16, 1, 4, 4},  // 16 × 16
    {8, 8, 4, 1, 2},   // 64 × 32
    {4, 32, 2, 1, 2},  // 32 × 64
    {4, 32, 4, 1, 2},  // 32 × 128
    {2, 32, 4, 1, 2},  // 16 × 128
    {4, 16, 2, 1, 2},  // 32 × 32
    {4, 8, 4, 2, 2},   // 32 × 32
    {8, 8, 2, 2, 2},   // 64 × 16
    {2, 16, 2, 2, 2},  // 16 × 32
};
enum { CONV_TILE_COUNT = sizeof conv_tiles / sizeof *conv_tiles, SUITING_COUNT = 5 };

static int smaller(int a, int b) { return a < b ? a : b; }

static int power_of_two_from(int value) {
  int power = 1;
  while (power < value) power *= 2;
  return power;
}

static int divide_up(int value, int by) { return (value + by - 1) / by; }

static int local_size(conv_tile t) { return t.blocks * t.lanes * t.split; }

static int shared_vectors(conv_tile t) {
  return 2 * t.units * (t.lanes * t.pixels + CONV_TILE_X_PADDING + t.blocks * CONV_TILE_WEIGHT_BLOCK);
}

// Where there are fewer output channels than the tile is high, its invocations go to more pixels.
static conv_tile fit_channels(conv_tile t, int out_blocks) {
  int blocks = smaller(t.blocks, power_of_two_from(out_blocks)), spare = t.blocks / blocks;
  t.blocks = blocks;
  t.lanes *= spare;
  t.pixels = t.pixels > spare ? t.pixels / spare : 1;
  while (shared_vectors(t) > SHARED_VECTORS && t.units > t.split) t.units /= 2;
  return t;
}

static uint64_t pixels_of(const conv_product *product) {
  shape y = product->pixels;
  return (uint64_t)y.n * (uint64_t)y.h * (uint64_t)y.w;
}

static int out_blocks_of(const conv_product *product) {
  return round_up(product->pixels.c, 8) / 8 * product->square * product->square;
}

// Workgroups that cover all pixels; 0 where more than half of the tile would lie outside the images, or the device does not take it.
static uint64_t count_across(const device_caps *caps, const conv_product *product, conv_tile t) {
  uint64_t wide = (uint64_t)(t.lanes * t.pixels), pixels = pixels_of(product);
  if ((uint32_t)local_size(t) > caps->max_invocations || wide > 2 * pixels) return 0;
  return (pixels + wide - 1) / wide;
}

// The largest tile that fills the device, or the smallest.
static conv_tile suiting_tile(const device_caps *caps, const conv_product *product) {
  conv_tile t = {0};
  for (int i = 0; i < SUITING_COUNT; i++) {
    conv_tile next = fit_channels(conv_tiles[i], out_blocks_of(product));
    uint64_t across = count_across(caps, product, next);
    if ((uint32_t)local_size(next) <= caps->max_invocations) t = next;
    if (across * (uint64_t)divide_up(out_blocks_of(product), next.blocks) >= WANTED_GROUPS) break;
  }
  return t;
}

static void take_tile(const conv_product *product, conv_tile t, launch *launch) {
  uint64_t wide = (uint64_t)(t.lanes * t.pixels);
  launch->shader = "conv_tiled";
  launch->spec[CONV_TILE_LOCAL] = (uint)local_size(t);
  launch->spec[CONV_TILE_BLOCKS] = (uint)t.blocks;
  launch->spec[CONV_TILE_LANES] = (uint)t.lanes;
  launch->spec[CONV_TILE_PIXELS] = (uint)t.pixels;
  launch->spec[CONV_TILE_SPLIT] = (uint)t.split;
  launch->spec[CONV_TILE_UNITS] = (uint)t.units;
  launch->spec[CONV_TILE_STRIDE] = (uint)product->stride;
  launch->spec[CONV_TILE_SQUARE] = (uint)product->square;
  launch->spec_count = 13;
  spread((pixels_of(product) + wide - 1) / wide, 1, launch->groups);
  launch->groups[2] = (uint)divide_up(out_blocks_of(product), t.blocks);
}

// Tiles that differ from each other can be the same once they fit the channels.
static bool is_among(const variant *v, const variant *others, int count) {
  for (int i = 0; i < count; i++)
    if (!memcmp(v->words, others[i].words, sizeof v->words)) return true;
  return false;
}

// ---------------------------------------------------------------------------------------------------------------------
// Matrices

typedef struct matrix_tile {
  int rows, columns;  // of matrices: a workgroup's output channels, and a wave's pixels
} matrix_tile;

enum { MATRIX = 16, MATRIX_WAVES = 4, PLAIN_WAVE = 32, MATRIX_TILE_COUNT = 4 };

// From the largest to the smallest, for the same channels: 128 pixels for the first.
static const matrix_tile matrix_tiles[MATRIX_TILE_COUNT] = {{4, 2}, {2, 2}, {2, 1}, {1, 1}};

// Thin products, as the first and last convolution, would multiply zeros; and images begin and end there.
bool conv_matrix_fits(const conv_product *product) {
  return 8 * out_blocks_of(product) >= MATRIX && product->channels >= MATRIX;
}

static int matrix_wave(const kernel *kernel, const device_caps *caps) {
  return kernel->cooperative ? (int)caps->subgroup_size : PLAIN_WAVE;
}

static int matrix_waves(const kernel *kernel, const device_caps *caps) {
  int waves = MATRIX_WAVES;
  while (waves > 1 && (uint32_t)(waves * matrix_wave(kernel, caps)) > caps->max_invocations) waves /= 2;
  return waves;
}

// Workgroups across the pixels, and across the output channels.
static uint64_t matrix_groups(const conv_product *product, matrix_tile t, int waves, uint32_t groups[3]) {
  uint64_t wide = (uint64_t)(MATRIX * t.columns * waves), across = (pixels_of(product) + wide - 1) / wide;
  spread(across, 1, groups);
  groups[2] = (uint)divide_up(8 * out_blocks_of(product), MATRIX * t.rows);
  return (uint64_t)groups[0] * groups[1] * groups[2];
}

static void take_matrix_tile(const launches *to, const conv_product *product, matrix_tile t, launch *launch) {
  int wave = matrix_wave(to->kernel, to->caps), waves = matrix_waves(to->kernel, to->caps);
  launch->shader = to->kernel->cooperative ? "conv_matrix_cooperative" : "conv_matrix";
  launch->spec[CONV_MATRIX_LOCAL] = (uint)(waves * wave);
  launch->spec[CONV_MATRIX_WAVE] = (uint)wave;
  launch->spec[CONV_MATRIX_ROWS] = (uint)t.rows;
  launch->spec[CONV_MATRIX_COLUMNS] = (uint)t.columns;
  launch->spec[CONV_TILE_STRIDE] = (uint)product->stride;
  launch->spec[CONV_TILE_SQUARE] = (uint)product->square;
  launch->spec_count = 13;
  matrix_groups(product, t, waves, launch->groups);
}

// All sum in the same order. The first is the largest tile that fills the device, or the smallest.
static int matrix_variants(const kernel *kernel, const device_caps *caps, const conv_product *product, variant *variants) {
  int count = 0, suiting = 0, waves = matrix_waves(kernel, caps);
  for (int i = 0; i < MATRIX_TILE_COUNT; i++) {
    matrix_tile t = matrix_tiles[i];
    uint32_t groups[3];
    if (MATRIX * t.rows > 8 * out_blocks_of(product) && i + 1 < MATRIX_TILE_COUNT) continue;
    if (suiting == count && matrix_groups(product, t, waves, groups) < WANTED_GROUPS) suiting++;
    variants[count++] = (variant){.words = {t.rows, t.columns}};
  }
  if (suiting == count) suiting--;
  const variant suits = variants[suiting];
  variants[suiting] = variants[0];
  variants[0] = suits;
  return count;
}

static variant vary_tile(conv_tile t) {
  return (variant){.order = (uint32_t)(t.split << 16 | t.units), .words = {t.blocks, t.lanes, t.pixels, t.split, t.units}};
}

static int tile_variants(const device_caps *caps, const conv_product *product, variant variants[MOST_VARIANTS]) {
  int count = 1;
  variants[0] = vary_tile(suiting_tile(caps, product));
  for (int i = 0; i < CONV_TILE_COUNT && count < MOST_VARIANTS; i++) {
    conv_tile t = fit_channels(conv_tiles[i], out_blocks_of(product));
    variants[count] = vary_tile(t);
    count += count_across(caps, product, t) && !is_among(&variants[count], variants, count);
  }
  return count;
}

int conv_tile_variants(const kernel *kernel, const device_caps *caps, const conv_product *product, variant variants[MOST_VARIANTS]) {
  return kernel->class == MOTE_KERNELS_MATRIX ? matrix_variants(kernel, caps, product, variants)
                                              : tile_variants(caps, product, variants);
}

mote_status conv_tile_launch(launches *to, const conv_product *product, const launch *described, mote_error *error) {
  const int *words = to->variant.words;
  launch launch = *described;
  if (to->kernel->class == MOTE_KERNELS_MATRIX)
    take_matrix_tile(to, product, (matrix_tile){words[0], words[1]}, &launch);
  else
    take_tile(product, (conv_tile){words[0], words[1], words[2], words[3], words[4]}, &launch);
  if (launch.spec_count < described->spec_count) launch.spec_count = described->spec_count;
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Weight gradient

typedef struct gradient_tile {
  int halves, quads;  // output and input channels, in fours
  int rows, columns;  // of the image in a stage
  int tiles;          // of the channels
  int lines;          // kernel rows, or taps, each a workgroup of its own
  int parts;          // ranges of the batch, summed apart
} gradient_tile;

static int quads_of(const tensor *x) { return x ? round_up(x->shape.c, 8) / 4 : 0; }

static gradient_tile choose_gradient_tile(const weight_gradient_product *product) {
  enum { INVOCATIONS = 64, STAGE_PIXELS = 16, MOST_ROWS = 4 };
  shape x = product->x->shape;
  int halves = round_up(product->out_channels, 8) / 4, quads = quads_of(product->x) + quads_of(product->second);
  gradient_tile t = {.halves = smaller(8, power_of_two_from(halves))};
  t.quads = smaller(INVOCATIONS / t.halves, power_of_two_from(quads));
  t.halves = smaller(INVOCATIONS / t.quads, power_of_two_from(halves));
  // Equal passes along a row, none wider than a stage; narrow images fill it with several rows.
  int passes = divide_up(x.w, STAGE_PIXELS);
  t.columns = divide_up(x.w, passes);
  t.rows = smaller(MOST_ROWS, STAGE_PIXELS / t.columns);
  t.tiles = divide_up(halves, t.halves) * divide_up(quads, t.quads);
  t.lines = product->kernel * product->square * product->square;
  int stages = divide_up(x.n * x.h, t.rows) * passes, wanted = divide_up(WANTED_GRADIENT_GROUPS, t.tiles * t.lines);
  t.parts = smaller(smaller(MOST_PARTS, wanted), divide_up(stages, LEAST_STAGES));
  return t;
}

typedef struct gradient_matrix_tile {
  int inputs, outputs;  // channels, in sixteens: of a workgroup and of a wave
  int waves;
  int tiles;            // of the channels
  int taps;             // each a workgroup of its own
  int parts;            // ranges of the batch, summed apart
} gradient_matrix_tile;

bool weight_gradient_matrix_fits(const weight_gradient_product *product) {
  return 4 * (quads_of(product->x) + quads_of(product->second)) >= MATRIX && product->out_channels >= MATRIX;
}

static gradient_matrix_tile choose_gradient_matrix_tile(const launches *to, const weight_gradient_product *product) {
  shape x = product->x->shape;
  int inputs = divide_up(quads_of(product->x) + quads_of(product->second), MATRIX / 4);
  int outputs = divide_up(product->out_channels, MATRIX);
  gradient_matrix_tile t = {.inputs = smaller(4, power_of_two_from(inputs)), .outputs = 1};
  t.waves = smaller(matrix_waves(to->kernel, to->caps), power_of_two_from(outputs));
  t.tiles = divide_up(inputs, t.inputs) * divide_up(outputs, t.waves * t.outputs);
  t.taps = product->kernel * product->kernel * product->square * product->square;
  int stages = divide_up(x.n * x.h * x.w, CONV_WEIGHT_GRADIENT_STAGE);
  int wanted = divide_up(WANTED_GRADIENT_GROUPS, t.tiles * t.taps);
  t.parts = smaller(smaller(MOST_PARTS, wanted), divide_up(stages, LEAST_STAGES));
  return t;
}

// dw = Σ parts
static mote_status sum_parts(tensor *dw, tensor *parts, launches *to, mote_error *error) {
  uint quads = (uint)(tensor_bytes(dw) / 16);
  struct conv_weight_gradient_sum_parameters push = {.quads = quads, .parts = (uint)(tensor_bytes(parts) / 16) / quads};
  launch launch = {.shader = "conv_weight_gradient_sum",
               .bindings = {parts, dw},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// Fills in shader, tile constants and workgroups, and returns the parts.
static int take_gradient_tile(const weight_gradient_product *product, launch *launch) {
  gradient_tile t = choose_gradient_tile(product);
  launch->shader = "conv_weight_gradient_tiled";
  launch->spec[CONV_WEIGHT_GRADIENT_LOCAL] = (uint)(t.halves * t.quads);
  launch->spec[CONV_WEIGHT_GRADIENT_HALVES] = (uint)t.halves;
  launch->spec[CONV_WEIGHT_GRADIENT_QUADS] = (uint)t.quads;
  launch->spec[CONV_WEIGHT_GRADIENT_ROWS] = (uint)t.rows;
  launch->spec[CONV_WEIGHT_GRADIENT_COLUMNS] = (uint)t.columns;
  launch->groups[0] = (uint)t.tiles;
  launch->groups[1] = (uint)t.lines;
  launch->groups[2] = (uint)t.parts;
  return t.parts;
}

static int take_gradient_matrix_tile(const launches *to, const weight_gradient_product *product, launch *launch) {
  gradient_matrix_tile t = choose_gradient_matrix_tile(to, product);
  int wave = matrix_wave(to->kernel, to->caps);
  launch->shader = to->kernel->cooperative ? "conv_weight_gradient_matrix_cooperative" : "conv_weight_gradient_matrix";
  launch->spec[CONV_WEIGHT_GRADIENT_LOCAL] = (uint)(t.waves * wave);
  launch->spec[CONV_WEIGHT_GRADIENT_WAVE] = (uint)wave;
  launch->spec[CONV_WEIGHT_GRADIENT_INPUTS] = (uint)t.inputs;
  launch->spec[CONV_WEIGHT_GRADIENT_OUTPUTS] = (uint)t.outputs;
  launch->groups[0] = (uint)t.tiles;
  launch->groups[1] = (uint)t.taps;
  launch->groups[2] = (uint)t.parts;
  return t.parts;
}

mote_status weight_gradient_dispatch(const node *node, launches *to, const weight_gradient_product *product,
                                     mote_error *error) {
  tensor *x = node->inputs[0], *second = node->inputs[1], *dy = node->inputs[2];
  const float *dy_scale = (const void *)node->attributes;
  struct conv_weight_gradient_parameters push = {.batch = (uint)x->shape.n,
                                                 .height = (uint)x->shape.h,
                                                 .width = (uint)x->shape.w,
                                                 .first_quads = (uint)quads_of(x),
                                                 .second_quads = (uint)quads_of(second),
                                                 .out_blocks = (uint)round_up(product->out_channels, 8) / 8,
                                                 .dy_scale = *dy_scale};
  launch launch = {.spec = {[CONV_WEIGHT_GRADIENT_KERNEL] = (uint)product->kernel,
                        [CONV_WEIGHT_GRADIENT_SECOND] = second != NULL,
                        [CONV_WEIGHT_GRADIENT_SQUARE] = (uint)product->square},
               .spec_count = 8,
               .bindings = {x, second ? second : x, dy, node->outputs[0]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  int parts = to->kernel->class == MOTE_KERNELS_MATRIX ? take_gradient_matrix_tile(to, product, &launch)
                                                       : take_gradient_tile(product, &launch);
  if (parts == 1) return launches_add(to, &launch, error);
  TRY(launches_scratch(to, parts * (int)(tensor_bytes(node->outputs[0]) / 4), &launch.bindings[3], error));
  TRY(launches_add(to, &launch, error));
  return sum_parts(node->outputs[0], launch.bindings[3], to, error);
}

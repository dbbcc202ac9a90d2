// conv_tiled.comp: the formula of conv.comp, for GPUs: a product of matrices, weights (output channels × K) times the
// image's patches (K × pixels of the whole batch), whose tiles are gathered into shared memory ("implicit GEMM",
// Chetlur et al. 2014). K runs in units of eight input channels of one tap.
//
// One workgroup makes 8·BLOCKS output channels of LANES·PIXELS pixels; one invocation eight output channels of PIXELS
// pixels, LANES apart, so that neighbours read and write neighbouring vectors. A stage loads UNITS units. Where pixels
// are few, SPLIT groups of invocations share the tile, each summing every SPLITth unit; their sums are added in order.
//
// The formulas of conv_transpose.comp and conv_transpose_data_gradient.comp are such products too. For the first, SQUARE
// is the kernel's size: each pixel becomes SQUARE × SQUARE, and the taps count as output channels. For the second, STRIDE
// is: the taps of a pixel lie STRIDE · pixel apart and nothing surrounds them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/conv.h"
#include "shaders/index.glsl"

layout(local_size_x_id = CONV_TILE_LOCAL) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };              // (N, C1, H, W) C8
layout(binding = 1) readonly buffer Second { vec4 second[]; };    // (N, C2, H, W) C8
layout(binding = 2) readonly buffer Weight { vec4 weight[]; };    // (O, C1 + C2, k, k) WEIGHT
layout(binding = 3) readonly buffer Bias { vec4 bias[]; };        // (1, O, 1, 1) C8
layout(binding = 4) readonly buffer Residual { vec4 residual[]; };// as y
layout(binding = 5) writeonly buffer Y { vec4 y[]; };             // (N, O, H, W) C8
layout(push_constant) uniform Push { conv_parameters p; };

layout(constant_id = CONV_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = CONV_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_RESIDUAL) const uint RESIDUAL = 0;
layout(constant_id = CONV_BIAS) const uint BIAS = 1;
layout(constant_id = CONV_TILE_LOCAL) const int LOCAL = 128;  // BLOCKS · LANES · SPLIT
layout(constant_id = CONV_TILE_BLOCKS) const int BLOCKS = 8;
layout(constant_id = CONV_TILE_LANES) const int LANES = 16;
layout(constant_id = CONV_TILE_PIXELS) const int PIXELS = 4;
layout(constant_id = CONV_TILE_SPLIT) const int SPLIT = 1;
layout(constant_id = CONV_TILE_UNITS) const int UNITS = 2;    // a multiple of SPLIT
layout(constant_id = CONV_TILE_STRIDE) const int STRIDE = 1;
layout(constant_id = CONV_TILE_SQUARE) const int SQUARE = 1;

const int TAPS = KERNEL * KERNEL;
const int PADDING = (KERNEL - STRIDE) / 2;
const int SQUARES = SQUARE * SQUARE;
const int TILE = LANES * PIXELS;
const int GROUP = BLOCKS * LANES;  // invocations that share no sums
// Strides in vec4, padded so that what is stored or read at once lies in different banks.
const int X_STRIDE = TILE + CONV_TILE_X_PADDING;
const int WEIGHT_BLOCK = CONV_TILE_WEIGHT_BLOCK;
const int WEIGHT_STRIDE = BLOCKS * WEIGHT_BLOCK;
const int WEIGHTS_AT = 2 * UNITS * X_STRIDE;
const int OPERANDS = WEIGHTS_AT + 2 * UNITS * WEIGHT_STRIDE;
const int SUMS = SPLIT > 1 ? 2 * PIXELS * GROUP : 0;

shared vec4 tile[OPERANDS > SUMS ? OPERANDS : SUMS];

// What an invocation loads: the vectors LOCAL apart of a stage, all sizes being powers of two. They belong to at most
// PLACES pixels.
const int X_LOADS = (2 * UNITS * TILE + LOCAL - 1) / LOCAL;
const int WEIGHT_LOADS = (16 * UNITS * BLOCKS + LOCAL - 1) / LOCAL;
const int PLACES = 2 * TILE > LOCAL ? 2 * TILE / LOCAL : 1;

struct place {
  int image, row_column;  // row and column in 16 bits each: it makes room for a fourth wave on AMD's GCN
} places[PLACES];

vec4 sums[2 * PIXELS];

void find_places(int first_pixel, int thread) {
  int pixels = int(p.height * p.width), count = int(p.batch) * pixels;
  [[unroll]] for (int i = 0; i < PLACES; i++) {
    int at = first_pixel + (thread + i * LOCAL) / 2 % TILE;
    places[i].image = at / pixels;
    int row = at < count ? at % pixels / int(p.width) : -2;  // no tap of it lies in the image
    places[i].row_column = row << 16 | at % pixels % int(p.width);
  }
}

// Four input channels, `half_block` of the eight of unit `unit`, at the tap's place; zero outside the image.
vec4 load_x(place at, int unit, int half_block) {
  int tap = unit % TAPS, block = unit / TAPS, first_blocks = int(p.first_quads) / 2;
  int row = (at.row_column >> 16) * STRIDE + tap / KERNEL - PADDING;
  int column = (at.row_column & 0xFFFF) * STRIDE + tap % KERNEL - PADDING;
  int height = int(p.height) * STRIDE, width = int(p.width) * STRIDE, pixels = height * width;
  int pixel = row * width + column;
  if (uint(row) >= height || uint(column) >= width) return vec4(0.0);
  if (SECOND != 0 && block >= first_blocks) {
    int blocks = int(p.second_quads) / 2;
    if (block - first_blocks >= blocks) return vec4(0.0);
    return second[((at.image * blocks + block - first_blocks) * pixels + pixel) * 2 + half_block];
  }
  if (block >= first_blocks) return vec4(0.0);
  return x[((at.image * first_blocks + block) * pixels + pixel) * 2 + half_block];
}

void load_stage(int first_unit, int unit_count, int first_block, int thread) {
  [[unroll]] for (int i = 0; i < X_LOADS; i++) {
    int at = thread + i * LOCAL, half_block = at % 2, pixel = at / 2 % TILE, unit = at / (2 * TILE);
    if (at < 2 * UNITS * TILE)
      tile[(unit * 2 + half_block) * X_STRIDE + pixel] = load_x(places[i % PLACES], first_unit + unit, half_block);
  }
  int quads = int(p.first_quads + p.second_quads);
  [[unroll]] for (int i = 0; i < WEIGHT_LOADS; i++) {
    int at = thread + i * LOCAL, o = at % 8, half_block = at / 8 % 2, block = at / 16 % BLOCKS, unit = at / (16 * BLOCKS);
    int from = first_unit + unit, quad = from / TAPS * 2 + half_block;
    int row = first_block + block, tap = SQUARE > 1 ? row % SQUARES : from % TAPS;
    bool exists = from < unit_count && row < int(p.out_blocks) * SQUARES;
    if (at < 16 * UNITS * BLOCKS)
      tile[WEIGHTS_AT + (unit * 2 + half_block) * WEIGHT_STRIDE + block * WEIGHT_BLOCK + o] =
          exists ? weight[(((int(p.first_block) + row / SQUARES) * quads + quad) * TAPS * SQUARES + tap) * 8 + o]
                 : vec4(0.0);
  }
}

// Each product is added by itself, so that compilers make one fused operation of it; a dot product would add once more.
float add_products(float sum, vec4 a, vec4 b) {
  sum += a.x * b.x;
  sum += a.y * b.y;
  sum += a.z * b.z;
  sum += a.w * b.w;
  return sum;
}

void add_stage(int block, int lane, int group) {
  [[unroll]] for (int i = 0; i < UNITS / SPLIT; i++)
    [[unroll]] for (int half_block = 0; half_block < 2; half_block++) {
      int k = (group + i * SPLIT) * 2 + half_block;
      vec4 values[PIXELS];
      [[unroll]] for (int j = 0; j < PIXELS; j++) values[j] = tile[k * X_STRIDE + lane + j * LANES];
      [[unroll]] for (int o = 0; o < 8; o++) {
        vec4 w = tile[WEIGHTS_AT + k * WEIGHT_STRIDE + block * WEIGHT_BLOCK + o];
        [[unroll]] for (int j = 0; j < PIXELS; j++)
          sums[j * 2 + o / 4][o % 4] = add_products(sums[j * 2 + o / 4][o % 4], w, values[j]);
      }
    }
}

// Adds the other groups' sums to the first one's, in the order of the groups.
void join_groups(int group, int member) {
  [[unroll]] for (int g = 1; g < SPLIT; g++) {
    barrier();
    if (group == g)
      [[unroll]] for (int i = 0; i < 2 * PIXELS; i++) tile[i * GROUP + member] = sums[i];
    barrier();
    if (group == 0)
      [[unroll]] for (int i = 0; i < 2 * PIXELS; i++) sums[i] += tile[i * GROUP + member];
  }
}

// `row` is a row of the product: a block of output channels, and its place in the pixel's square.
void store(int pixel, int row, int j) {
  int pixels = int(p.height * p.width), image = pixel / pixels, within = pixel % pixels;
  if (pixel >= int(p.batch) * pixels || row >= int(p.out_blocks) * SQUARES) return;
  int block = row / SQUARES, within_square = row % SQUARES;
  if (SQUARE > 1) {
    int y_row = within / int(p.width) * SQUARE + within_square / SQUARE;
    int y_column = within % int(p.width) * SQUARE;
    within = y_row * int(p.width) * SQUARE + y_column + within_square % SQUARE;
  }
  int to = ((image * int(p.out_blocks) + block) * pixels * SQUARES + within) * 2;
  [[unroll]] for (int half_block = 0; half_block < 2; half_block++) {
    vec4 sum = sums[j * 2 + half_block];
    if (BIAS != 0) sum += bias[block * 2 + half_block];
    vec4 value = activate(sum, ACTIVATION);
    if (RESIDUAL != 0) value += residual[to + half_block];
    y[to + half_block] = value * p.scale;
  }
}

void main() {
  int thread = int(gl_LocalInvocationID.x), member = thread % GROUP, group = thread / GROUP;
  int lane = member % LANES, block = member / LANES;
  int first_pixel = int(workgroup_index()) * TILE, first_block = int(gl_WorkGroupID.z) * BLOCKS;
  int unit_count = int(p.first_quads + p.second_quads) / 2 * TAPS;
  [[unroll]] for (int i = 0; i < 2 * PIXELS; i++) sums[i] = vec4(0.0);
  find_places(first_pixel, thread);

  [[dont_unroll]] for (int first_unit = 0; first_unit < unit_count; first_unit += UNITS) {
    load_stage(first_unit, unit_count, first_block, thread);
    barrier();
    add_stage(block, lane, group);
    barrier();
  }
  join_groups(group, member);
  if (group == 0)
    [[unroll]] for (int j = 0; j < PIXELS; j++) store(first_pixel + lane + j * LANES, first_block + block, j);
}

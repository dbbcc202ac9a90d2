// conv_patches.glsl: what convolutions as products of matrices share: weights (output channels × K) times the image's patches
// (K × pixels of the whole batch), gathered as they are needed ("implicit GEMM", Chetlur et al. 2014). K runs in units of
// eight input channels of one tap.
//
// The formulas of conv_transpose.comp and conv_transpose_data_gradient.comp are such products too. For the first, SQUARE
// is the kernel's size: each pixel becomes SQUARE × SQUARE, and the taps count as output channels. For the second, STRIDE
// is: the taps of a pixel lie STRIDE · pixel apart and nothing surrounds them.
#include "shaders/conv.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/split.glsl"

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
layout(constant_id = CONV_TILE_STRIDE) const int STRIDE = 1;
layout(constant_id = CONV_TILE_SQUARE) const int SQUARE = 1;
layout(constant_id = CONV_JOINED) const uint JOINED = 0;

const int TAPS = KERNEL * KERNEL;
const int PADDING = (KERNEL - STRIDE) / 2;
const int SQUARES = SQUARE * SQUARE;

// A pixel of the batch; row and column in 16 bits each: it makes room for a fourth wave on AMD's GCN.
struct place {
  int image, row_column;
};

place find_place(int pixel) {
  int pixels = int(p.height * p.width), count = int(p.batch) * pixels;
  int row = pixel < count ? pixel % pixels / int(p.width) : -2;  // no tap of it lies in the image
  return place(pixel / pixels, row << 16 | pixel % pixels % int(p.width));
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

int unit_count() { return int(p.first_quads + p.second_quads) / 2 * TAPS; }

// Which of several layers makes a block.
int layer_of(int block) { return JOINED != 0 ? block / int(p.split) : 0; }

// The same input channels of output channel `o` of a row of the product: a block of eight, and its place in the pixel's square.
vec4 load_weight(int row, int o, int unit, int half_block) {
  int quads = int(p.first_quads + p.second_quads), quad = unit / TAPS * 2 + half_block;
  int tap = SQUARE > 1 ? row % SQUARES : unit % TAPS;
  bool exists = unit < unit_count() && row < int(p.out_blocks) * SQUARES;
  int at = (((int(p.first_block) + row / SQUARES) * quads + quad) * TAPS * SQUARES + tap) * 8 + o;
  if (JOINED != 0) at += layer_of(row) * int(p.weight_gap);
  return exists ? weight[at] : vec4(0.0);
}

// Where a pixel's eight output channels of `row` lie in y, or -1 where there is no such pixel or row.
int find_result(int pixel, int row) {
  int pixels = int(p.height * p.width), image = pixel / pixels, within = pixel % pixels;
  if (pixel >= int(p.batch) * pixels || row >= int(p.out_blocks) * SQUARES) return -1;
  int block = row / SQUARES, within_square = row % SQUARES;
  if (SQUARE > 1) {
    int y_row = within / int(p.width) * SQUARE + within_square / SQUARE;
    int y_column = within % int(p.width) * SQUARE;
    within = y_row * int(p.width) * SQUARE + y_column + within_square % SQUARE;
  }
  if (JOINED != 0) return joined_block_at(image, block, int(p.split), int(p.second_at), pixels) + within * 2;
  return block_at(image, block, int(p.out_blocks), int(p.split), int(p.second_at), pixels * SQUARES) + within * 2;
}

// Four of them, through the epilogue.
void store_result(int to, int row, int half_block, vec4 sum) {
  if (BIAS != 0) sum += bias[layer_of(row) * int(p.bias_gap) + row / SQUARES * 2 + half_block];
  vec4 value = activate(sum, ACTIVATION);
  if (RESIDUAL != 0) value += residual[to + half_block];
  y[to + half_block] = value * p.scale;
}

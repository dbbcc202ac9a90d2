// conv_tiled.comp: the formula of conv.comp, for GPUs: the product of conv_patches.glsl, whose tiles are gathered into shared
// memory.
//
// One workgroup makes 8·BLOCKS output channels of LANES·PIXELS pixels; one invocation eight output channels of PIXELS
// pixels, LANES apart, so that neighbours read and write neighbouring vectors. A stage loads UNITS units. Where pixels
// are few, SPLIT groups of invocations share the tile, each summing every SPLITth unit; their sums are added in order.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/conv_patches.glsl"

layout(local_size_x_id = CONV_TILE_LOCAL) in;
layout(constant_id = CONV_TILE_LOCAL) const int LOCAL = 128;  // BLOCKS · LANES · SPLIT
layout(constant_id = CONV_TILE_BLOCKS) const int BLOCKS = 8;
layout(constant_id = CONV_TILE_LANES) const int LANES = 16;
layout(constant_id = CONV_TILE_PIXELS) const int PIXELS = 4;
layout(constant_id = CONV_TILE_SPLIT) const int SPLIT = 1;
layout(constant_id = CONV_TILE_UNITS) const int UNITS = 2;    // a multiple of SPLIT

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

place places[PLACES];
vec4 sums[2 * PIXELS];

void load_stage(int first_unit, int first_row, int thread) {
  [[unroll]] for (int i = 0; i < X_LOADS; i++) {
    int at = thread + i * LOCAL, half_block = at % 2, pixel = at / 2 % TILE, unit = at / (2 * TILE);
    if (at < 2 * UNITS * TILE)
      tile[(unit * 2 + half_block) * X_STRIDE + pixel] = load_x(places[i % PLACES], first_unit + unit, half_block);
  }
  [[unroll]] for (int i = 0; i < WEIGHT_LOADS; i++) {
    int at = thread + i * LOCAL, o = at % 8, half_block = at / 8 % 2, block = at / 16 % BLOCKS, unit = at / (16 * BLOCKS);
    if (at < 16 * UNITS * BLOCKS)
      tile[WEIGHTS_AT + (unit * 2 + half_block) * WEIGHT_STRIDE + block * WEIGHT_BLOCK + o] =
          load_weight(first_row + block, o, first_unit + unit, half_block);
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

void main() {
  int thread = int(gl_LocalInvocationID.x), member = thread % GROUP, group = thread / GROUP;
  int lane = member % LANES, block = member / LANES;
  int first_pixel = int(workgroup_index()) * TILE, first_row = int(gl_WorkGroupID.z) * BLOCKS;
  [[unroll]] for (int i = 0; i < 2 * PIXELS; i++) sums[i] = vec4(0.0);
  [[unroll]] for (int i = 0; i < PLACES; i++) places[i] = find_place(first_pixel + (thread + i * LOCAL) / 2 % TILE);

  [[dont_unroll]] for (int first_unit = 0; first_unit < unit_count(); first_unit += UNITS) {
    load_stage(first_unit, first_row, thread);
    barrier();
    add_stage(block, lane, group);
    barrier();
  }
  join_groups(group, member);
  if (group == 0)
    [[unroll]] for (int j = 0; j < PIXELS; j++) {
      int to = find_result(first_pixel + lane + j * LANES, first_row + block);
      if (to >= 0)
        [[unroll]] for (int half_block = 0; half_block < 2; half_block++)
          store_result(to, first_row + block, half_block, sums[j * 2 + half_block]);
    }
}

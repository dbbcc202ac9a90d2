// conv_matrix.comp: the formula of conv.comp in half precision, for GPUs with cooperative matrices: the product of
// conv_patches.glsl, whose operands are rounded to fp16 on their way into shared memory, the input times `x_scale`, which is
// not 1 where the input is a gradient: as in conv_weight_gradient_matrix.comp. Sums and all that follows stay fp32.
//
// One workgroup makes 16·ROWS output channels of 16·COLUMNS·WAVES pixels, one wave of it 16·COLUMNS pixels. A stage loads
// UNITS units.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/conv_patches.glsl"

layout(local_size_x_id = CONV_MATRIX_LOCAL) in;
layout(constant_id = CONV_MATRIX_LOCAL) const int LOCAL = 128;
layout(constant_id = CONV_MATRIX_WAVE) const int WAVE = 32;
layout(constant_id = CONV_MATRIX_ROWS) const int ROWS = 4;
layout(constant_id = CONV_MATRIX_COLUMNS) const int COLUMNS = 2;

const int UNITS = CONV_MATRIX_UNITS;  // two of them are 16 channels
const int WAVES = LOCAL / WAVE;
const int BLOCKS = 2 * ROWS;
const int TILE = 16 * COLUMNS * WAVES;
// In vectors of four: a line of operands is an output channel's weights, or a pixel's patch; two vectors between lines keep
// those that are read at once in different banks.
const int ROW = 2 * UNITS + 2;
const int PATCHES_AT = 16 * ROWS * ROW;
const int OPERANDS = PATCHES_AT + TILE * ROW;
const int RESULTS = 256 * WAVES;  // of each wave one matrix

#include "shaders/glsl/matrices.glsl"

// What an invocation loads: the vectors LOCAL apart of a stage, all sizes being powers of two. They belong to at most
// PLACES pixels.
const int X_LOADS = (2 * UNITS * TILE + LOCAL - 1) / LOCAL;
const int WEIGHT_LOADS = (16 * UNITS * BLOCKS + LOCAL - 1) / LOCAL;
const int PLACES = 2 * TILE > LOCAL ? 2 * TILE / LOCAL : 1;

place places[PLACES];

void load_stage(int first_unit, int first_row, int thread) {
  [[unroll]] for (int i = 0; i < X_LOADS; i++) {
    int at = thread + i * LOCAL, half_block = at % 2, pixel = at / 2 % TILE, unit = at / (2 * TILE);
    if (at < 2 * UNITS * TILE)
      operands[PATCHES_AT + pixel * ROW + unit * 2 + half_block] =
          to_half_vector(fit_half(load_x(places[i % PLACES], first_unit + unit, half_block) * p.x_scale));
  }
  [[unroll]] for (int i = 0; i < WEIGHT_LOADS; i++) {
    int at = thread + i * LOCAL, o = at % 8, half_block = at / 8 % 2, block = at / 16 % BLOCKS, unit = at / (16 * BLOCKS);
    if (at < 16 * UNITS * BLOCKS)
      operands[(block * 8 + o) * ROW + unit * 2 + half_block] =
          to_half_vector(load_weight(first_row + block, o, first_unit + unit, half_block));
  }
}

void main() {
  int thread = int(gl_LocalInvocationID.x), wave = wave_index();
  int first_pixel = int(workgroup_index()) * TILE, first_row = int(gl_WorkGroupID.z) * BLOCKS;
  [[unroll]] for (int i = 0; i < PLACES; i++) places[i] = find_place(first_pixel + (thread + i * LOCAL) / 2 % TILE);
  sum_matrix sums[ROWS * COLUMNS];
  [[unroll]] for (int i = 0; i < ROWS * COLUMNS; i++) clear_sums(sums[i]);

  [[dont_unroll]] for (int first_unit = 0; first_unit < unit_count(); first_unit += UNITS) {
    load_stage(first_unit, first_row, thread);
    barrier();
    [[unroll]] for (int k = 0; k < 2 * UNITS; k += 4) {
      right_matrix patches[COLUMNS];
      [[unroll]] for (int j = 0; j < COLUMNS; j++) load_right(patches[j], PATCHES_AT + (wave * COLUMNS + j) * 16 * ROW + k);
      [[unroll]] for (int i = 0; i < ROWS; i++) {
        left_matrix weights;
        load_left(weights, i * 16 * ROW + k);
        [[unroll]] for (int j = 0; j < COLUMNS; j++) add_product(sums[i * COLUMNS + j], weights, patches[j]);
      }
    }
    barrier();
  }

  // Through shared memory, since only the device knows which lane holds which sum.
  [[unroll]] for (int i = 0; i < ROWS * COLUMNS; i++) {
    store_sums(sums[i], 256 * wave);
    wave_barrier();
    for (int v = wave_lane(); v < 64; v += WAVE) {
      int pixel = first_pixel + (wave * COLUMNS + i % COLUMNS) * 16 + v / 4, row = first_row + i / COLUMNS * 2 + v % 4 / 2;
      int to = find_result(pixel, row);
      if (to >= 0) store_result(to, row, v % 2, result(256 * wave, v) / p.x_scale);
    }
    wave_barrier();
  }
}

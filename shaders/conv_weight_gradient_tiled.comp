// conv_weight_gradient_tiled.comp: the formula of conv_weight_gradient.comp, for GPUs. One workgroup makes one kernel row
// of 4·HALVES output by 4·QUADS input channels; one invocation four by four of them, for all taps of the row: it walks
// along rows of the image, where each input vector that it reads serves all KERNEL taps. A stage brings ROWS × COLUMNS
// pixels of dy, and of x the pixels around them, into shared memory.
// The batch is split over gl_WorkGroupID.z into ranges of stages; each writes its own sums, which
// conv_weight_gradient_sum.comp adds in order where there are several.
// With SQUARE, the formula of conv_transpose_weight_gradient.comp: KERNEL is 1, dy is SQUARE times as high and wide as x,
// and a workgroup makes the tap of one place in each pixel's square.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_weight_gradient.h"

layout(local_size_x_id = CONV_WEIGHT_GRADIENT_LOCAL) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C1, H, W) C8
layout(binding = 1) readonly buffer Second { vec4 second[]; };  // (N, C2, H, W) C8
layout(binding = 2) readonly buffer Dy { vec4 dy[]; };          // (N, O, H, W) C8
layout(binding = 3) writeonly buffer Parts { vec4 parts[]; };   // [split] of (O, C1 + C2, k, k) WEIGHT
layout(push_constant) uniform Push { conv_weight_gradient_parameters p; };

layout(constant_id = CONV_WEIGHT_GRADIENT_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_WEIGHT_GRADIENT_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_WEIGHT_GRADIENT_LOCAL) const int LOCAL = 64;  // HALVES · QUADS
layout(constant_id = CONV_WEIGHT_GRADIENT_HALVES) const int HALVES = 8;
layout(constant_id = CONV_WEIGHT_GRADIENT_QUADS) const int QUADS = 8;
layout(constant_id = CONV_WEIGHT_GRADIENT_ROWS) const int ROWS = 1;
layout(constant_id = CONV_WEIGHT_GRADIENT_COLUMNS) const int COLUMNS = 16;
layout(constant_id = CONV_WEIGHT_GRADIENT_SQUARE) const int SQUARE = 1;

const int R = KERNEL / 2;
const int X_COLUMNS = COLUMNS + 2 * R;
// Odd strides in vec4: invocations that read different channels of one pixel hit different banks.
const int X_STRIDE = ROWS * X_COLUMNS | 1;
const int DY_STRIDE = ROWS * COLUMNS | 1;
shared vec4 x_tile[QUADS * X_STRIDE];
shared vec4 dy_tile[HALVES * DY_STRIDE];

vec4 sums[KERNEL * 4];  // [tap of the row][output channel], four input channels each

// Row `at` of all images' rows, one below the other; -1 in `row` where there is none `shift` below it in its image.
void find_row(int at, int shift, out int image, out int row) {
  int height = int(p.height);
  image = at / height;
  row = at % height + shift;
  if (at >= int(p.batch) * height || uint(row) >= p.height) row = -1;
}

void load_x(int first_row, int first_column, int first_quad, int shift) {
  int pixels = int(p.height * p.width), first_quads = int(p.first_quads), second_quads = int(p.second_quads);
  [[dont_unroll]] for (int i = int(gl_LocalInvocationID.x); i < QUADS * ROWS * X_COLUMNS; i += LOCAL) {
    int within = i / 2 % X_COLUMNS, line = i / (2 * X_COLUMNS) % ROWS;
    int quad = i / (2 * X_COLUMNS * ROWS) * 2 + i % 2, channel = first_quad + quad;
    int column = first_column + within - R, image, row;
    find_row(first_row + line, shift, image, row);
    vec4 value = vec4(0.0);
    if (row >= 0 && uint(column) < p.width) {
      int pixel = row * int(p.width) + column;
      if (channel < first_quads) {
        value = x[((image * first_quads / 2 + channel / 2) * pixels + pixel) * 2 + channel % 2];
      } else if (SECOND != 0 && channel < first_quads + second_quads) {
        channel -= first_quads;
        value = second[((image * second_quads / 2 + channel / 2) * pixels + pixel) * 2 + channel % 2];
      }
    }
    x_tile[quad * X_STRIDE + line * X_COLUMNS + within] = value;
  }
}

// Of each pixel's square, dy at `place`.
void load_dy(int first_row, int first_column, int first_half, int place) {
  int width = int(p.width) * SQUARE, pixels = int(p.height) * SQUARE * width, halves = int(p.out_blocks) * 2;
  [[dont_unroll]] for (int i = int(gl_LocalInvocationID.x); i < HALVES * ROWS * COLUMNS; i += LOCAL) {
    int within = i / 2 % COLUMNS, line = i / (2 * COLUMNS) % ROWS, half_block = i / (2 * COLUMNS * ROWS) * 2 + i % 2;
    int column = first_column + within, channel = first_half + half_block, image, row;
    find_row(first_row + line, 0, image, row);
    vec4 value = vec4(0.0);
    int pixel = (row * SQUARE + place / SQUARE) * width + column * SQUARE + place % SQUARE;
    if (row >= 0 && column < int(p.width) && channel < halves)
      value = dy[((image * int(p.out_blocks) + channel / 2) * pixels + pixel) * 2 + channel % 2];
    dy_tile[half_block * DY_STRIDE + line * COLUMNS + within] = value;
  }
}

void add_stage(int half_block, int quad) {
  [[dont_unroll]] for (int line = 0; line < ROWS; line++) {
    int from = quad * X_STRIDE + line * X_COLUMNS;
    vec4 window[KERNEL];
    [[unroll]] for (int k = 0; k < KERNEL - 1; k++) window[k] = x_tile[from + k];
    [[unroll]] for (int column = 0; column < COLUMNS; column++) {
      window[KERNEL - 1] = x_tile[from + column + KERNEL - 1];
      vec4 g = dy_tile[half_block * DY_STRIDE + line * COLUMNS + column];
      [[unroll]] for (int k = 0; k < KERNEL; k++)
        [[unroll]] for (int o = 0; o < 4; o++) sums[k * 4 + o] += g[o] * window[k];
      [[unroll]] for (int k = 0; k < KERNEL - 1; k++) window[k] = window[k + 1];
    }
  }
}

void main() {
  int quad = int(gl_LocalInvocationID.x) % QUADS, half_block = int(gl_LocalInvocationID.x) / QUADS;
  int quads = int(p.first_quads + p.second_quads), tiles = (quads + QUADS - 1) / QUADS;
  int first_quad = int(gl_WorkGroupID.x) % tiles * QUADS, first_half = int(gl_WorkGroupID.x) / tiles * HALVES;
  // The kernel's row, or the place in the square.
  int line = int(gl_WorkGroupID.y), lines = KERNEL * SQUARE * SQUARE, part = int(gl_WorkGroupID.z);
  int passes = (int(p.width) + COLUMNS - 1) / COLUMNS;
  int stages = (int(p.batch * p.height) + ROWS - 1) / ROWS * passes;
  int share = (stages + int(gl_NumWorkGroups.z) - 1) / int(gl_NumWorkGroups.z);
  [[unroll]] for (int i = 0; i < KERNEL * 4; i++) sums[i] = vec4(0.0);

  [[dont_unroll]] for (int stage = part * share; stage < min(stages, (part + 1) * share); stage++) {
    int first_row = stage / passes * ROWS, first_column = stage % passes * COLUMNS;
    load_x(first_row, first_column, first_quad, SQUARE > 1 ? 0 : line - R);
    load_dy(first_row, first_column, first_half, SQUARE > 1 ? line : 0);
    barrier();
    add_stage(half_block, quad);
    barrier();
  }

  quad += first_quad;
  half_block += first_half;
  if (quad >= quads || half_block >= int(p.out_blocks) * 2) return;
  int to = part * int(p.out_blocks) * quads * lines * KERNEL * 8;
  to += ((half_block / 2 * quads + quad) * lines + line) * KERNEL * 8 + half_block % 2 * 4;
  [[unroll]] for (int k = 0; k < KERNEL; k++)
    [[unroll]] for (int o = 0; o < 4; o++) parts[to + k * 8 + o] = sums[k * 4 + o];
}

// conv_weight_gradient_matrix.comp: the formula of conv_weight_gradient.comp in half precision, for GPUs with cooperative
// matrices: for each tap the product of x, input channels × pixels of the whole batch, and dy, pixels × output channels.
// Operands are rounded to fp16 on their way into shared memory, dy times `dy_scale` so that small gradients keep their
// digits (the loss scaling of Micikevicius et al. 2018, of the operands alone); sums stay fp32.
//
// One workgroup makes one tap of 16·INPUTS input and 16·OUTPUTS·WAVES output channels. The batch is split over
// gl_WorkGroupID.z and transposed convolutions are done as in conv_weight_gradient_tiled.comp.
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
layout(constant_id = CONV_WEIGHT_GRADIENT_LOCAL) const int LOCAL = 128;
layout(constant_id = CONV_WEIGHT_GRADIENT_WAVE) const int WAVE = 32;
layout(constant_id = CONV_WEIGHT_GRADIENT_INPUTS) const int INPUTS = 4;
layout(constant_id = CONV_WEIGHT_GRADIENT_OUTPUTS) const int OUTPUTS = 1;
layout(constant_id = CONV_WEIGHT_GRADIENT_SQUARE) const int SQUARE = 1;

const int STAGE = CONV_WEIGHT_GRADIENT_STAGE;
const int R = KERNEL / 2;
const int TAPS = KERNEL * KERNEL * SQUARE * SQUARE;
const int WAVES = LOCAL / WAVE;
// In vectors of four: a line of operands is a pixel's channels, of x and then of dy; two vectors between lines keep those that
// are written at once in different banks.
const int X_VECTORS = 4 * INPUTS;
const int DY_VECTORS = 4 * OUTPUTS * WAVES;
const int ROW = X_VECTORS + DY_VECTORS + 2;
const int OPERANDS = STAGE * ROW;
const int RESULTS = 256 * WAVES;  // of each wave one matrix

#include "shaders/glsl/matrices.glsl"

// What an invocation loads: the vectors LOCAL apart of a stage, all sizes being powers of two. They belong to at most
// PLACES pixels.
const int X_LOADS = (STAGE * X_VECTORS + LOCAL - 1) / LOCAL;
const int DY_LOADS = (STAGE * DY_VECTORS + LOCAL - 1) / LOCAL;
const int PLACES = 2 * STAGE > LOCAL ? 2 * STAGE / LOCAL : 1;

// A pixel of the batch, and where the tap finds it in x and in dy; -1 beside the image.
struct place {
  int image, x_pixel, dy_pixel;
};

place find_place(int pixel, int tap) {
  int width = int(p.width), pixels = int(p.height) * width, within = pixel % pixels;
  int row = within / width, column = within % width;
  if (pixel >= int(p.batch) * pixels) return place(0, -1, -1);
  if (SQUARE > 1)
    return place(pixel / pixels, within, (row * SQUARE + tap / SQUARE) * width * SQUARE + column * SQUARE + tap % SQUARE);
  int x_row = row + tap / KERNEL - R, x_column = column + tap % KERNEL - R;
  bool is_inside = uint(x_row) < p.height && uint(x_column) < p.width;
  return place(pixel / pixels, is_inside ? x_row * width + x_column : -1, within);
}

// Four input channels.
vec4 load_x(place at, int quad) {
  int pixels = int(p.height * p.width), first_quads = int(p.first_quads), second_quads = int(p.second_quads);
  if (at.x_pixel < 0) return vec4(0.0);
  if (quad < first_quads) return x[((at.image * first_quads / 2 + quad / 2) * pixels + at.x_pixel) * 2 + quad % 2];
  quad -= first_quads;
  if (SECOND == 0 || quad >= second_quads) return vec4(0.0);
  return second[((at.image * second_quads / 2 + quad / 2) * pixels + at.x_pixel) * 2 + quad % 2];
}

// Four output channels.
vec4 load_dy(place at, int quad) {
  int pixels = int(p.height * p.width) * SQUARE * SQUARE, blocks = int(p.out_blocks);
  if (at.dy_pixel < 0 || quad >= 2 * blocks) return vec4(0.0);
  return dy[((at.image * blocks + quad / 2) * pixels + at.dy_pixel) * 2 + quad % 2];
}

void load_stage(int first_pixel, int first_x, int first_dy, int thread) {
  place places[PLACES];
  [[unroll]] for (int i = 0; i < PLACES; i++)
    places[i] = find_place(first_pixel + (thread + i * LOCAL) / 2 % STAGE, int(gl_WorkGroupID.y));
  [[unroll]] for (int i = 0; i < X_LOADS; i++) {
    int at = thread + i * LOCAL, pixel = at / 2 % STAGE, quad = at / (2 * STAGE) * 2 + at % 2;
    if (at < STAGE * X_VECTORS)
      operands[pixel * ROW + quad] = to_half_vector(fit_half(load_x(places[i % PLACES], first_x + quad)));
  }
  [[unroll]] for (int i = 0; i < DY_LOADS; i++) {
    int at = thread + i * LOCAL, pixel = at / 2 % STAGE, quad = at / (2 * STAGE) * 2 + at % 2;
    if (at < STAGE * DY_VECTORS)
      operands[pixel * ROW + X_VECTORS + quad] =
          to_half_vector(fit_half(load_dy(places[i % PLACES], first_dy + quad) * p.dy_scale));
  }
}

// Four input channels of one output channel.
void store_result(int quad, int o, vec4 sum) {
  int quads = int(p.first_quads + p.second_quads), tap = int(gl_WorkGroupID.y), part = int(gl_WorkGroupID.z);
  if (quad >= quads || o >= 8 * int(p.out_blocks)) return;
  int to = part * int(p.out_blocks) * quads * TAPS * 8;
  parts[to + ((o / 8 * quads + quad) * TAPS + tap) * 8 + o % 8] = sum / p.dy_scale;
}

void main() {
  int thread = int(gl_LocalInvocationID.x), wave = wave_index();
  int quads = int(p.first_quads + p.second_quads), tiles = (quads + X_VECTORS - 1) / X_VECTORS;
  int first_x = int(gl_WorkGroupID.x) % tiles * X_VECTORS, first_dy = int(gl_WorkGroupID.x) / tiles * DY_VECTORS;
  int stages = (int(p.batch * p.height * p.width) + STAGE - 1) / STAGE, part = int(gl_WorkGroupID.z);
  int share = (stages + int(gl_NumWorkGroups.z) - 1) / int(gl_NumWorkGroups.z);
  sum_matrix sums[INPUTS * OUTPUTS];
  [[unroll]] for (int i = 0; i < INPUTS * OUTPUTS; i++) clear_sums(sums[i]);

  [[dont_unroll]] for (int stage = part * share; stage < min(stages, (part + 1) * share); stage++) {
    load_stage(stage * STAGE, first_x, first_dy, thread);
    barrier();
    [[unroll]] for (int k = 0; k < STAGE; k += 16) {
      right_matrix gradients[OUTPUTS];
      [[unroll]] for (int j = 0; j < OUTPUTS; j++)
        load_right_transposed(gradients[j], k * ROW + X_VECTORS + (wave * OUTPUTS + j) * 4);
      [[unroll]] for (int i = 0; i < INPUTS; i++) {
        left_matrix inputs;
        load_left_transposed(inputs, k * ROW + i * 4);
        [[unroll]] for (int j = 0; j < OUTPUTS; j++) add_transposed_product(sums[i * OUTPUTS + j], inputs, gradients[j]);
      }
    }
    barrier();
  }

  // Through shared memory, since only the device knows which lane holds which sum.
  [[unroll]] for (int i = 0; i < INPUTS * OUTPUTS; i++) {
    store_sums(sums[i], 256 * wave);
    wave_barrier();
    for (int v = wave_lane(); v < 64; v += WAVE)
      store_result(first_x + i / OUTPUTS * 4 + v % 4, first_dy * 4 + (wave * OUTPUTS + i % OUTPUTS) * 16 + v / 4,
                   result(256 * wave, v));
    wave_barrier();
  }
}

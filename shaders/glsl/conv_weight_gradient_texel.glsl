// conv_weight_gradient_texel.glsl: what conv_weight_gradient.comp's kernels for CPU drivers share (see conv_texel.comp). One
// workgroup of 8 makes all taps of eight input channels in eight output channels, lane = output channel. Several layers
// with images of one size may make one dispatch; with BIAS, it makes db[o] = Σ_n Σ_y Σ_x dy[n, o, y, x] of the first, too.
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_weight_gradient.h"
#include "shaders/glsl/schedule.glsl"
#include "shaders/glsl/turn.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8, of every layer
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8, of the only one
layout(binding = 2, rgba32f) readonly uniform imageBuffer dy;      // (N, O, H, W) C8, of every layer
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };            // (O, C1 + C2, k, k) WEIGHT, of every layer
layout(binding = 4) writeonly buffer Db { float db[]; };           // (1, O, 1, 1) C8, of the first one
layout(binding = 5) readonly buffer Table { uint layers[]; };      // one row a layer, raw
layout(push_constant) uniform Push { conv_weight_gradient_texel_parameters p; };

layout(constant_id = CONV_WEIGHT_GRADIENT_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_WEIGHT_GRADIENT_BIAS) const uint BIAS = 0;

// What a workgroup makes: blocks of eight channels, and where its layer's tensors begin, in vec4s.
struct work {
  int layer, input_block, input_blocks, output_block, output_blocks;
  int x_at, dy_at, dw_at;
};

// There is no workgroup without work, for drivers give each thread as many.
work find_work() {
  int layer = 0;
  for (int i = 1; i < int(p.layers); i++)
    if (gl_WorkGroupID.x >= layers[i * CONV_WEIGHT_GRADIENT_WORDS + CONV_WEIGHT_GRADIENT_FIRST]) layer = i;
  int row = layer * CONV_WEIGHT_GRADIENT_WORDS, blocks = int(layers[row + CONV_WEIGHT_GRADIENT_BLOCKS]);
  int pair = int(gl_WorkGroupID.x - layers[row + CONV_WEIGHT_GRADIENT_FIRST]), input_blocks = blocks & 0xFFFF;
  return work(layer, pair % input_blocks, input_blocks, pair / input_blocks, blocks >> 16,
              int(layers[row + CONV_WEIGHT_GRADIENT_X]), int(layers[row + CONV_WEIGHT_GRADIENT_DY]),
              int(layers[row + CONV_WEIGHT_GRADIENT_DW]));
}

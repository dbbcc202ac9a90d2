// pack_pixels.comp: images to four bytes a pixel: round(x · 127.5 + 127.5), halves to even, 0 to 255; red, or with order of ½ or
// more blue, in the lowest byte. One or two channels are grey and alpha; alpha is 255 where there is none. Each pixel becomes S × S.
// One invocation: one pixel of the output.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/pack_pixels.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { float x[]; };           // (N, C, H, W) C8, C at most 4
layout(binding = 1) readonly buffer Order { float order; };
layout(binding = 2) writeonly buffer Packed { uint packed_[]; };  // (N, 1, H·S, W·S) raw
layout(push_constant) uniform Push { pack_pixels_parameters p; };

// The comparisons send what is not a number to 0.
uint level_of(float value) {
  precise float level = value * 127.5;
  level = level + 127.5;
  return level >= 255.0 ? 255u : level > 0.0 ? uint(roundEven(level)) : 0u;
}

void main() {
  uint i = invocation_index();
  if (i >= p.count) return;
  uint row = i / (p.width * p.scale), column = i % (p.width * p.scale);  // n · H·S + y of the output, and x
  uint image = row / (p.height * p.scale), y = row % (p.height * p.scale) / p.scale;
  uint at = ((image * p.height + y) * p.width + column / p.scale) * 8;
  uint first = level_of(x[at]), second = p.channels > 1 ? level_of(x[at + 1]) : 255u;
  uvec4 rgba = uvec4(first, first, first, second);
  if (p.channels > 2) rgba = uvec4(first, second, level_of(x[at + 2]), p.channels > 3 ? level_of(x[at + 3]) : 255u);
  if (order >= 0.5) rgba = rgba.bgra;
  packed_[i] = rgba.r | rgba.g << 8 | rgba.b << 16 | rgba.a << 24;
}

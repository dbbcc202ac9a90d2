// attention.glsl: where the channels of a head lie. A head may begin and end anywhere within four channels, which its neighbours
// share then; the last one takes what the last block of eight is filled up with, zeros.
#extension GL_EXT_control_flow_attributes : require
#include "shaders/attention.h"

layout(push_constant) uniform Push { attention_parameters p; };

const float LOWEST = -3.0e38;
const float LOG_2 = 0.69314718056;  // the natural logarithm of 2

struct head_part {
  uint n, head;
  uint first, end;             // channels
  uint first_quad, last_quad;  // the fours that hold them
};

head_part find_head(uint n, uint head) {
  uint first = head * p.members, end = head + 1 == p.heads ? p.blocks * 8 : first + p.members;
  return head_part(n, head, first, end, first / 4, (end - 1) / 4);
}

// Where four channels of a pixel lie, in vec4s.
uint place(head_part h, uint quad, uint pixel) { return ((h.n * p.blocks + quad / 2) * p.pixels + pixel) * 2 + quad % 2; }

// Where a number of the head and pixel lies in a tensor (N, heads, H, W) C8, in floats.
uint head_place(head_part h, uint pixel) {
  return ((h.n * ((p.heads + 7) / 8) + h.head / 8) * p.pixels + pixel) * 8 + h.head % 8;
}

// Which of four channels are the head's: 1, or 0.
vec4 members_of(head_part h, uint quad) {
  uvec4 channel = quad * 4 + uvec4(0, 1, 2, 3);
  return vec4(greaterThanEqual(channel, uvec4(h.first))) * vec4(lessThan(channel, uvec4(h.end)));
}

// uniform.glsl: stores through one address. What a shader here relies on is what llvmpipe (Mesa 22.3) takes for uniform: numbers out
// of push constants, of whose arrays Vulkan wants indices that are the same in all invocations ("Push Constant Interface"), and
// what is computed from such numbers alone. Where a storage buffer's address is one of these, outside loops and branches, it
// stores the vector of one lane instead of looping over the lanes with a check of each; of gl_WorkGroupID it does not know. On
// other drivers this is an ordinary store of the same words by all invocations.
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/uniform.h"

// The last member of the push constants: digits[i] = i.
#define UNIFORM_DIGITS uint digits[UNIFORM_BASE];

// The same number, digit by digit out of the push constants: x < 8⁶, more than there are workgroups along an axis, is the same in
// all invocations.
#define UNIFORM_DIGIT(x, i) (digits[(x) >> 3 * (i) & 7u] << 3 * (i))
#define UNIFORM_OF(x)                                                                                        \
  int(UNIFORM_DIGIT(x, 0) | UNIFORM_DIGIT(x, 1) | UNIFORM_DIGIT(x, 2) | UNIFORM_DIGIT(x, 3) |                \
      UNIFORM_DIGIT(x, 4) | UNIFORM_DIGIT(x, 5))

// The float of each of eight lanes, to the vec4s `at` and at + 1, which are the same in all of them.
#define STORE_LANES(to, at, value)                                                                           \
  {                                                                                                          \
    float v_ = value;                                                                                        \
    to[at] = vec4(subgroupShuffle(v_, 0), subgroupShuffle(v_, 1), subgroupShuffle(v_, 2), subgroupShuffle(v_, 3));     \
    to[(at) + 1] = vec4(subgroupShuffle(v_, 4), subgroupShuffle(v_, 5), subgroupShuffle(v_, 6), subgroupShuffle(v_, 7)); \
  }

// attention_texel.glsl: what attention's kernels for CPU drivers share (see conv_texel.comp). One workgroup of 8 makes one head of
// 8 · GROUPS pixels: lane = pixel, so that sums and maxima over the pixels that these are compared with stay in a lane. Of those
// TILE are taken at a time, loaded with lane = pixel too and handed to all lanes by shuffles. What is summed up over tiles is in
// registers where a head has up to QUADS fours of channels, else, QUADS being 0, in memory.
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/glsl/attention.glsl"
#include "shaders/glsl/schedule.glsl"

layout(local_size_x = 8) in;

layout(constant_id = ATTENTION_QUADS) const int QUADS = 2;
layout(constant_id = ATTENTION_GROUPS) const int GROUPS = 2;
layout(constant_id = ATTENTION_TILE_GROUPS) const int TILE_GROUPS = 2;

const int TILE = 8 * TILE_GROUPS;
const int PRODUCTS = TILE * GROUPS;
const int SUMS = QUADS == 0 ? 1 : QUADS * 4 * GROUPS;

head_part h;
uint pixels[GROUPS];       // of a lane
bool exists[GROUPS];       // those beyond the last are the last, and are not written
uint first;                // pixel of the tile
uint loaded[TILE_GROUPS];  // the tile's pixels that a lane loads

void find_pixels() {
  h = find_head(gl_WorkGroupID.y / p.heads, gl_WorkGroupID.y % p.heads);
  [[unroll]] for (int g = 0; g < GROUPS; g++) {
    uint pixel = (gl_WorkGroupID.x * GROUPS + g) * 8 + gl_LocalInvocationID.x;
    exists[g] = pixel < p.pixels;
    pixels[g] = min(pixel, p.pixels - 1);
  }
}

void find_tile() {
  [[unroll]] for (int t = 0; t < TILE_GROUPS; t++) loaded[t] = min(first + t * 8 + gl_LocalInvocationID.x, p.pixels - 1);
}

// A number of the tile's pixel j, which its lane has.
#define OF_PIXEL(values, j) subgroupShuffle(values[(j) / 8], uint((j) % 8))

// products[j · GROUPS + g] += Σ_c own · other of pixel first + j · factor, over the channels of the head.
#define COMPARE(own, other, factor, products)                                                                     \
  [[dont_unroll]] for (uint quad = h.first_quad; quad <= h.last_quad; quad++) {                                   \
    vec4 mine[GROUPS], theirs[TILE_GROUPS], members = members_of(h, quad) * (factor);                             \
    [[unroll]] for (int g = 0; g < GROUPS; g++) mine[g] = imageLoad(own, int(place(h, quad, pixels[g]))) * members; \
    [[unroll]] for (int t = 0; t < TILE_GROUPS; t++) theirs[t] = imageLoad(other, int(place(h, quad, loaded[t]))); \
    [[unroll]] for (int e = 0; e < 4; e++) {                                                                      \
      SCHEDULE_BARRIER(products[0])                                                                               \
      [[unroll]] for (int j = 0; j < TILE; j++) {                                                                 \
        float value = subgroupShuffle(theirs[j / 8][e], uint(j % 8));                                             \
        [[unroll]] for (int g = 0; g < GROUPS; g++) products[j * GROUPS + g] += mine[g][e] * value;               \
      }                                                                                                           \
    }                                                                                                             \
  }

// tile[e · GROUPS + g] = Σ_j weights[j · GROUPS + g] · channel e of four of pixel first + j of other.
#define SUM_TILE(other, weights, quad, tile)                                                                      \
  float tile[4 * GROUPS];                                                                                         \
  {                                                                                                               \
    vec4 theirs[TILE_GROUPS];                                                                                     \
    [[unroll]] for (int t = 0; t < TILE_GROUPS; t++) theirs[t] = imageLoad(other, int(place(h, quad, loaded[t]))); \
    [[unroll]] for (int i = 0; i < 4 * GROUPS; i++) tile[i] = 0.0;                                                \
    [[unroll]] for (int j = 0; j < TILE; j++)                                                                     \
      [[unroll]] for (int e = 0; e < 4; e++) {                                                                    \
        float value = subgroupShuffle(theirs[j / 8][e], uint(j % 8));                                             \
        [[unroll]] for (int g = 0; g < GROUPS; g++) tile[e * GROUPS + g] += weights[j * GROUPS + g] * value;      \
      }                                                                                                           \
  }

// to = to · shrink + Σ_j weights[j · GROUPS + g] · other of pixel first + j, for the channels of the head; `sums` are those that
// are in registers.
#define ADD_UP(other, weights, shrink, sums, to)                                                                  \
  [[unroll]] for (int c = 0; c < QUADS; c++) {                                                                    \
    SCHEDULE_BARRIER(sums[0])                                                                                     \
    SUM_TILE(other, weights, min(h.first_quad + c, h.last_quad), tile)                                            \
    [[unroll]] for (int i = 0; i < 4 * GROUPS; i++)                                                               \
      sums[c * 4 * GROUPS + i] = sums[c * 4 * GROUPS + i] * shrink[i % GROUPS] + tile[i];                         \
  }                                                                                                               \
  if (QUADS == 0) [[dont_unroll]] for (uint quad = h.first_quad; quad <= h.last_quad; quad++) {                   \
    SUM_TILE(other, weights, quad, tile)                                                                          \
    [[unroll]] for (int i = 0; i < 4 * GROUPS; i++) {                                                             \
      uint channel = quad * 4 + i / GROUPS, at = place(h, quad, pixels[i % GROUPS]) * 4 + i / GROUPS;             \
      if (channel < h.first || channel >= h.end || !exists[i % GROUPS]) continue;                                 \
      to[at] = first == 0 ? tile[i] : to[at] * shrink[i % GROUPS] + tile[i];                                      \
    }                                                                                                             \
  }

// to = sums · factor, where these are now.
#define FINISH(sums, factor, to)                                                                                  \
  [[unroll]] for (int i = 0; i < QUADS * 4 * GROUPS; i++) {                                                       \
    uint channel = h.first_quad * 4 + i / GROUPS;                                                                 \
    if (channel >= h.first && channel < h.end && exists[i % GROUPS])                                              \
      to[place(h, channel / 4, pixels[i % GROUPS]) * 4 + channel % 4] = sums[i] * factor[i % GROUPS];             \
  }                                                                                                               \
  if (QUADS == 0) [[dont_unroll]] for (uint channel = h.first; channel < h.end; channel++)                        \
    [[unroll]] for (int g = 0; g < GROUPS; g++)                                                                   \
      if (exists[g]) to[place(h, channel / 4, pixels[g]) * 4 + channel % 4] *= factor[g];

// batch_norm_backward.comp: dx = γ · r · (dz - dβ/M - x̂ · dγ/M), dβ = Σ dz, dγ = Σ dz · x̂, r = 1/√(variance + ε),
// x̂ = (x - mean) · r, dz = activation'(γ·x̂ + β) · dy, M = N·H·W (Ioffe & Szegedy 2015). With FOLLOWER_SCALE dy counts
// scale[n, c] times, and over the image dshift = Σ dy, dscale = Σ dy · activation(γ·x̂ + β). With FOLLOWER_POOL dy goes to the
// largest activation(γ·x̂ + β) of each 2×2 square, the first in reading order if several are. One workgroup: eight channels of a
// slice of the images. A pair of lanes: every p.columns'th pixel or square of some of them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/batch_norm.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"

layout(local_size_x_id = BATCH_NORM_LANES) in;
VECTORS(0, X, x);                                                   // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                                 // as x, with FOLLOWER_POOL (N, C, H/2, W/2)
layout(binding = 2) readonly buffer Gamma { vec4 gamma[]; };        // this and the next five: (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { vec4 beta[]; };
layout(binding = 4) readonly buffer Mean { vec4 mean[]; };
layout(binding = 5) readonly buffer Variance { vec4 variance[]; };
layout(binding = 6) writeonly buffer Dgamma { vec4 dgamma[]; };
layout(binding = 7) writeonly buffer Dbeta { vec4 dbeta[]; };
layout(binding = 8) writeonly buffer Dx { vec4 dx[]; };             // as x
layout(binding = 9) buffer Slices { vec4 slices[][2]; };            // (p.slices, channels / 4): dβ and dγ of each, raw
layout(binding = 10) readonly buffer Scale { vec4 scale[]; };       // (N, C, 1, 1) C8; with FOLLOWER_SCALE, as the next two
layout(binding = 11) writeonly buffer Dscale { vec4 dscale[]; };    // as scale
layout(binding = 12) writeonly buffer Dshift { vec4 dshift[]; };    // as scale
layout(push_constant) uniform Push { batch_norm_train_parameters p; };

layout(constant_id = BATCH_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = BATCH_NORM_PART) const uint PART = PART_WHOLE;
layout(constant_id = BATCH_NORM_FOLLOWER) const uint FOLLOWER = FOLLOWER_NOTHING;

#include "shaders/glsl/lane_sums.glsl"
#include "shaders/glsl/squares.glsl"

// Four channels.
struct channels {
  vec4 mean, r, gamma, beta;
};

vec4 find_factor(uint image_channel) { return FOLLOWER == FOLLOWER_SCALE ? scale[image_channel] : vec4(1.0); }

struct pixel {
  vec4 normal, dy, dz;  // normal: x̂
};

pixel read_pixel(channels k, vec4 factor, uint at) {
  vec4 normal = (AT(x, at) - k.mean) * k.r, g = AT(dy, at);
  return pixel(normal, g, activate_gradient(k.gamma * normal + k.beta, ACTIVATION) * (factor * g));
}

// Of the four pixels of a square.
struct square {
  vec4 normal[4], dz[4];
};

square read_square(channels k, uvec4 places, vec4 g) {
  square here;
  vec4 values[4], largest, chosen = vec4(0.0);  // chosen: what the first largest is the activation of
  [[unroll]] for (int i = 0; i < 4; i++) {
    here.normal[i] = (AT(x, places[i]) - k.mean) * k.r;
    values[i] = activate(k.gamma * here.normal[i] + k.beta, ACTIVATION);
  }
  largest = max(max(values[0], values[1]), max(values[2], values[3]));
  [[unroll]] for (int i = 3; i >= 0; i--)
    chosen = mix(chosen, k.gamma * here.normal[i] + k.beta, equal(values[i], largest));
  vec4 left = activate_gradient(chosen, ACTIVATION) * g;
  [[unroll]] for (int i = 0; i < 4; i++) {
    here.dz[i] = mix(vec4(0.0), left, equal(values[i], largest));
    left = mix(left, vec4(0.0), equal(values[i], largest));
  }
  return here;
}

// What this lane's part of a pooled image adds to dβ and dγ.
vec4[2] sum_squares(channels k, uint column, uint from, uint pooled_from) {
  square_walk walk = walk_squares(column, p.columns, p.square_columns);
  vec4 sum = vec4(0.0), product = vec4(0.0);
  for (uint s = column; s < p.pixels / 4; s += p.columns) {
    square here = read_square(k, square_places(walk, from), AT(dy, pooled_from + s * 2));
    [[unroll]] for (int i = 0; i < 4; i++) {
      sum += here.dz[i];
      product += here.dz[i] * here.normal[i];
    }
    walk_on(walk);
  }
  return vec4[2](sum, product);
}

// What this lane's part of an image adds to dβ and dγ. With FOLLOWER_SCALE a pair of lanes takes whole images.
vec4[2] sum_pixels(channels k, uint from, uint count, uint image_channel) {
  vec4 sum = vec4(0.0), product = vec4(0.0), factor = find_factor(image_channel);
  vec4 scale_sum = vec4(0.0), shift_sum = vec4(0.0);
  for (uint i = 0; i < count; i++) {
    pixel here = read_pixel(k, factor, from + i * p.columns * 2);
    sum += here.dz;
    product += here.dz * here.normal;
    if (FOLLOWER == FOLLOWER_SCALE) {
      scale_sum += here.dy * activate(k.gamma * here.normal + k.beta, ACTIVATION);
      shift_sum += here.dy;
    }
  }
  if (FOLLOWER == FOLLOWER_SCALE) {
    dscale[image_channel] = scale_sum;
    dshift[image_channel] = shift_sum;
  }
  return vec4[2](sum, product);
}

// What this lane's part of the slice's images adds to dβ and dγ; sums within an image stay short.
vec4[2] sum_images(channels k, uint slice, uint block) {
  uint lane = gl_LocalInvocationID.x, column = lane / 2 % p.columns, images = gl_WorkGroupSize.x / 2 / p.columns;
  uint count = (p.pixels - column + p.columns - 1) / p.columns;
  vec4 sum = vec4(0.0), product = vec4(0.0);
  for (uint n = slice + lane / 2 / p.columns * p.slices; n < p.batch; n += images * p.slices) {
    uint image = n * p.channel_blocks + block, from = (image * p.pixels + column) * 2 + lane % 2;
    vec4 sums[2];
    if (FOLLOWER == FOLLOWER_POOL)
      sums = sum_squares(k, column, image * p.pixels * 2 + lane % 2, image * (p.pixels / 4) * 2 + lane % 2);
    else
      sums = sum_pixels(k, from, count, image * 2 + lane % 2);
    sum += sums[0];
    product += sums[1];
  }
  return vec4[2](sum, product);
}

// What this lane's part of the slices adds to dβ and dγ.
vec4[2] sum_slices(uint c) {
  vec4 sum = vec4(0.0), product = vec4(0.0);
  for (uint s = gl_LocalInvocationID.x / 2; s < p.slices; s += gl_WorkGroupSize.x / 2) {
    sum += slices[s * p.channel_blocks * 2 + c][0];
    product += slices[s * p.channel_blocks * 2 + c][1];
  }
  return vec4[2](sum, product);
}

// What dx is made of beside x̂ and dz.
struct means {
  vec4 slope, dz, product;
};

void write_squares(channels k, means m, uint column, uint from, uint pooled_from) {
  square_walk walk = walk_squares(column, p.columns, p.square_columns);
  for (uint s = column; s < p.pixels / 4; s += p.columns) {
    uvec4 places = square_places(walk, from);
    square here = read_square(k, places, AT(dy, pooled_from + s * 2));
    [[unroll]] for (int i = 0; i < 4; i++)
      dx[places[i]] = m.slope * (here.dz[i] - m.dz - here.normal[i] * m.product);
    walk_on(walk);
  }
}

void write_pixels(channels k, means m, uint from, uint count, uint image_channel) {
  vec4 factor = find_factor(image_channel);
  for (uint i = 0; i < count; i++) {
    uint at = from + i * p.columns * 2;
    pixel here = read_pixel(k, factor, at);
    dx[at] = m.slope * (here.dz - m.dz - here.normal * m.product);
  }
}

void write_images(channels k, vec4 sum, vec4 product, uint slice, uint block) {
  uint lane = gl_LocalInvocationID.x, column = lane / 2 % p.columns, images = gl_WorkGroupSize.x / 2 / p.columns;
  uint count = (p.pixels - column + p.columns - 1) / p.columns;
  float share = 1.0 / (float(p.batch) * float(p.pixels));
  means m = means(k.gamma * k.r, sum * share, product * share);
  for (uint n = slice + lane / 2 / p.columns * p.slices; n < p.batch; n += images * p.slices) {
    uint image = n * p.channel_blocks + block, from = (image * p.pixels + column) * 2 + lane % 2;
    if (FOLLOWER == FOLLOWER_POOL)
      write_squares(k, m, column, image * p.pixels * 2 + lane % 2, image * (p.pixels / 4) * 2 + lane % 2);
    else
      write_pixels(k, m, from, count, image * 2 + lane % 2);
  }
}

void main() {
  uint index = workgroup_index(), slice = index / p.channel_blocks, block = index % p.channel_blocks;
  uint lane = gl_LocalInvocationID.x, c = block * 2 + lane % 2;
  if (slice >= p.slices) return;
  channels k = channels(mean[c], 1.0 / sqrt(variance[c] + p.epsilon), gamma[c], beta[c]);
  vec4 sums[2];
  if (PART == PART_RESULT)
    sums = sum_slices(c);
  else
    sums = sum_images(k, slice, block);
  add_lanes(sums[0], sums[1]);
  if (PART == PART_SUMS) {
    if (lane < 2) slices[slice * p.channel_blocks * 2 + c] = sums;
    return;
  }
  if (lane < 2 && slice == 0) {
    dbeta[c] = sums[0];
    dgamma[c] = sums[1];
  }
  write_images(k, sums[0], sums[1], slice, block);
}

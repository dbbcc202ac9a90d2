// batch_norm_train.comp: y = activation(γ[c] · (x - mean[c]) / √(variance[c] + ε) + β[c]) with the batch's own mean and
// biased variance (Ioffe & Szegedy 2015). With KEEP the statistics are written for the running ones, the variance in
// its unbiased form. FOLLOWER says what is done after the activation. One workgroup: eight channels of a slice of the images. A pair of lanes: every p.columns'th pixel of some
// of them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/batch_norm.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"

layout(local_size_x_id = BATCH_NORM_LANES) in;
VECTORS(0, X, x);                                                        // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };             // this and the next five: (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };
layout(binding = 3) writeonly buffer Mean { vec4 mean[]; };
layout(binding = 4) writeonly buffer Variance { vec4 variance[]; };
layout(binding = 5) writeonly buffer BatchMean { vec4 batch_mean[]; };  // this and the next: written with KEEP
layout(binding = 6) writeonly buffer BatchVariance { vec4 batch_variance[]; };
layout(binding = 7) writeonly buffer Y { vec4 y[]; };                    // as x, with FOLLOWER_POOL (N, C, H/2, W/2)
layout(push_constant) uniform Push { batch_norm_train_parameters p; };

struct slice_moments {
  vec4 count;  // four times the same
  vec4 mean;
  vec4 deviation;
};
layout(binding = 8) buffer Slices { slice_moments slices[]; };           // (p.slices, channels / 4), raw
VECTORS(9, Residual, residual);                                          // as x; read with FOLLOWER_RESIDUAL
layout(binding = 10) readonly buffer Scale { vec4 scale[]; };            // (N, C, 1, 1) C8; read with FOLLOWER_SCALE
layout(binding = 11) readonly buffer Shift { vec4 shift[]; };            // as scale

layout(constant_id = BATCH_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = BATCH_NORM_KEEP) const uint KEEP = 0;
layout(constant_id = BATCH_NORM_PART) const uint PART = PART_WHOLE;
layout(constant_id = BATCH_NORM_FOLLOWER) const uint FOLLOWER = FOLLOWER_NOTHING;

#include "shaders/glsl/moments.glsl"

READ_MOMENTS(read_moments, x)
#include "shaders/glsl/squares.glsl"

// What this lane's part of the slice's images comes to.
moments read_images(uint slice, uint block) {
  uint lane = gl_LocalInvocationID.x, column = lane / 2 % p.columns, images = gl_WorkGroupSize.x / 2 / p.columns;
  uint count = (p.pixels - column + p.columns - 1) / p.columns;
  moments mine = moments(0.0, vec4(0.0), vec4(0.0));
  for (uint n = slice + lane / 2 / p.columns * p.slices; n < p.batch; n += images * p.slices) {
    uint from = ((n * p.channel_blocks + block) * p.pixels + column) * 2 + lane % 2;
    mine = merge(mine, read_moments(from, p.columns * 2, count));
  }
  return mine;
}

// What this lane's part of the slices comes to.
moments read_slices(uint c) {
  moments mine = moments(0.0, vec4(0.0), vec4(0.0));
  for (uint s = gl_LocalInvocationID.x / 2; s < p.slices; s += gl_WorkGroupSize.x / 2) {
    slice_moments slice = slices[s * p.channel_blocks * 2 + c];
    mine = merge(mine, moments(slice.count.x, slice.mean, slice.deviation));
  }
  return mine;
}

void write_statistics(moments all, uint c) {
  mean[c] = all.mean;
  variance[c] = all.deviation / all.count;
  if (KEEP != 0) {
    batch_mean[c] = all.mean;
    batch_variance[c] = all.deviation / max(all.count - 1.0, 1.0);
  }
}

// What is done after the activation, to four channels at `at`, which are `image_channel`s of all images.
vec4 finish(vec4 value, uint at, uint image_channel) {
  if (FOLLOWER == FOLLOWER_RESIDUAL) value = (value + AT(residual, at)) * p.factor;
  if (FOLLOWER == FOLLOWER_SCALE) value = scale[image_channel] * value + shift[image_channel];
  return value;
}

// What four channels are normalised with.
struct affine {
  vec4 mean, slope, offset;
};

vec4 normalise(affine k, uint at) { return activate((AT(x, at) - k.mean) * k.slope + k.offset, ACTIVATION); }

// Every p.columns'th square from `column` on of the image that begins at `from`, whose squares' maxima go to the image at `to`.
void pool_image(affine k, uint column, uint from, uint to) {
  square_walk walk = walk_squares(column, p.columns, p.square_columns);
  for (uint square = column; square < p.pixels / 4; square += p.columns) {
    uvec4 at = square_places(walk, from);
    y[to + square * 2] = max(max(normalise(k, at[0]), normalise(k, at[1])), max(normalise(k, at[2]), normalise(k, at[3])));
    walk_on(walk);
  }
}

void normalise_images(moments all, uint slice, uint block) {
  uint lane = gl_LocalInvocationID.x, column = lane / 2 % p.columns, images = gl_WorkGroupSize.x / 2 / p.columns;
  uint c = block * 2 + lane % 2, count = (p.pixels - column + p.columns - 1) / p.columns;
  affine k = affine(all.mean, gamma[c] / sqrt(all.deviation / all.count + p.epsilon), beta[c]);
  for (uint n = slice + lane / 2 / p.columns * p.slices; n < p.batch; n += images * p.slices) {
    uint image = n * p.channel_blocks + block, from = (image * p.pixels + column) * 2 + lane % 2;
    if (FOLLOWER == FOLLOWER_POOL)  // a `continue` here made llvmpipe 1.35 times as slow, even where it is never reached
      pool_image(k, column, image * p.pixels * 2 + lane % 2, image * (p.pixels / 4) * 2 + lane % 2);
    else
      for (uint i = 0; i < count; i++) {
        uint at = from + i * p.columns * 2;
        y[at] = finish(normalise(k, at), at, image * 2 + lane % 2);
      }
  }
}

void main() {
  uint index = workgroup_index(), slice = index / p.channel_blocks, block = index % p.channel_blocks;
  uint lane = gl_LocalInvocationID.x, c = block * 2 + lane % 2;
  if (slice >= p.slices) return;
  moments mine;
  if (PART == PART_RESULT)
    mine = read_slices(c);
  else
    mine = read_images(slice, block);
  moments all = merge_lanes(mine);
  if (PART == PART_SUMS) {
    if (lane < 2) slices[slice * p.channel_blocks * 2 + c] = slice_moments(vec4(all.count), all.mean, all.deviation);
    return;
  }
  if (lane < 2 && slice == 0) write_statistics(all, c);
  normalise_images(all, slice, block);
}

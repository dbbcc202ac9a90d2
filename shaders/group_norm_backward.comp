// group_norm_backward.comp: dx = r · (γ · dz - a/M - x̂ · b/M), r = 1/√(variance + ε), x̂ = (x - mean) · r,
// dz = activation'(γ·x̂ + β) · dy, M = C/G · H · W, and over each group's channels a = Σ γ · sum, b = Σ γ · product with
// sum[n, c] = Σ dz and product[n, c] = Σ dz · x̂ over the image (Wu & He 2018). With SCALED dy counts scale[n, c] times, and
// over the image dshift = Σ dy, dscale = Σ dy · activation(γ·x̂ + β). Workgroups and lanes as in group_norm.comp; the last one
// that is done sums dβ = Σ_n sum, dγ = Σ_n product in order.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/group_norm.h"

layout(local_size_x_id = GROUP_NORM_LANES) in;
VECTORS(0, X, x);                                                    // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                                  // as x
layout(binding = 2) readonly buffer Gamma { vec4 gamma[]; };         // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { vec4 beta[]; };           // (1, C, 1, 1) C8
layout(binding = 4) readonly buffer Mean { float mean[]; };          // (N, G, 1, 1) C8
layout(binding = 5) readonly buffer Variance { float variance[]; };  // (N, G, 1, 1) C8
layout(binding = 6) coherent buffer Sum { vec4 sum[]; };             // (N, C, 1, 1) C8
layout(binding = 7) coherent buffer Product { vec4 product[]; };     // (N, C, 1, 1) C8
layout(binding = 8) writeonly buffer Dx { vec4 dx[]; };              // as x
layout(binding = 9) readonly buffer Scale { vec4 scale[]; };         // (N, C, 1, 1) C8; with SCALED, as the next two
layout(binding = 10) writeonly buffer Dscale { vec4 dscale[]; };     // as scale
layout(binding = 11) writeonly buffer Dshift { vec4 dshift[]; };     // as scale
layout(binding = 12) writeonly buffer Dgamma { vec4 dgamma[]; };     // (1, C, 1, 1) C8
layout(binding = 13) writeonly buffer Dbeta { vec4 dbeta[]; };       // (1, C, 1, 1) C8
layout(binding = 14) coherent buffer Arrivals { uint arrivals[]; };  // (1) raw
layout(push_constant) uniform Push { group_norm_parameters p; };

layout(constant_id = GROUP_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = GROUP_NORM_CLUSTER) const uint CLUSTER = 1;
layout(constant_id = GROUP_NORM_SCALED) const uint SCALED = 0;

#define ARRIVED arrivals[0]
#define ARRIVING p.clusters
#include "shaders/glsl/arrival.glsl"
#include "shaders/glsl/lane_sums.glsl"

#include "shaders/glsl/clusters.glsl"

shared vec4 block_a[2], block_b[2];   // γ · sum, γ · product of the channels of one block
shared float group_a[8], group_b[8];  // of the workgroup's groups

// What four channels of a workgroup, those of `quad`, are normalised with.
struct constants {
  vec4 mean, r, gamma, beta;
  vec4 factor;  // of dy
};

constants find_constants(cluster_place place, uint quad) {
  constants found;
  uint c = place.first_quad + quad, members = p.channels / p.groups;
  found.factor = SCALED != 0 ? scale[place.image * place.image_quads + c] : vec4(1.0);
  found.gamma = gamma[c];
  found.beta = beta[c];
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint at = place.first_statistic + min((quad * 4 + k) / members, place.groups - 1);
    found.mean[k] = mean[at];
    // What fills a block up is no channel, and has no gradient.
    found.r[k] = c * 4 + k < p.channels ? 1.0 / sqrt(variance[at] + p.epsilon) : 0.0;
  }
  return found;
}

struct pixel {
  vec4 normal, dy, dz;  // normal: x̂
};

pixel read_pixel(constants k, uint at) {
  vec4 normal = (AT(x, at) - k.mean) * k.r, g = AT(dy, at);
  return pixel(normal, g, activate_gradient(k.gamma * normal + k.beta, ACTIVATION) * (k.factor * g));
}

// All lanes call it, each with its part of the sums.
void write_scale_gradient(vec4 scale_sum, vec4 shift_sum, uint image_channel) {
  add_lanes(scale_sum, shift_sum);
  if (gl_LocalInvocationID.x < 2) {
    dscale[image_channel] = scale_sum;
    dshift[image_channel] = shift_sum;
  }
}

// Adds what the workgroup's group `group` has of the channels of block `block`, in order.
void add_block(uint group, uint members, uint block) {
  float a = group_a[group], b = group_b[group];
  for (uint c = 0; c < 8; c++) {
    if (block * 8 + c - group * members >= members) continue;
    a += block_a[c / 4][c % 4];
    b += block_b[c / 4][c % 4];
  }
  group_a[group] = a;
  group_b[group] = b;
}

// Of one cluster of an image: dx, and the image's part of the other gradients.
void differentiate(cluster_place place) {
  uint lane = gl_LocalInvocationID.x, stride = gl_WorkGroupSize.x, members = p.channels / p.groups;
  uint count = (p.pixels + stride / 2 - 1 - lane / 2) / (stride / 2);
  if (lane < 8) group_a[lane] = group_b[lane] = 0.0;

  for (uint block = 0; block < place.blocks; block++) {
    uint from = (place.first_block + block) * p.pixels * 2 + lane, quad = block * 2 + lane % 2;
    constants k = find_constants(place, quad);
    vec4 s = vec4(0.0), t = vec4(0.0), scale_sum = vec4(0.0), shift_sum = vec4(0.0);
    for (uint i = 0; i < count; i++) {
      pixel here = read_pixel(k, from + i * stride);
      s += here.dz;
      t += here.dz * here.normal;
      if (SCALED != 0) {
        scale_sum += here.dy * activate(k.gamma * here.normal + k.beta, ACTIVATION);
        shift_sum += here.dy;
      }
    }
    add_lanes(s, t);
    uint image_channel = place.image * place.image_quads + place.first_quad + quad;
    if (SCALED != 0) write_scale_gradient(scale_sum, shift_sum, image_channel);
    if (lane < 2) {
      sum[image_channel] = s;
      product[image_channel] = t;
      block_a[lane] = k.gamma * s;
      block_b[lane] = k.gamma * t;
    }
    barrier();
    if (lane < place.groups) add_block(lane, members, block);
  }
  barrier();

  float share = 1.0 / (float(members) * float(p.pixels));
  for (uint block = 0; block < place.blocks; block++) {
    uint from = (place.first_block + block) * p.pixels * 2 + lane, quad = block * 2 + lane % 2;
    constants k = find_constants(place, quad);
    vec4 a, b;
    [[unroll]] for (uint j = 0; j < 4; j++) {
      uint group = min((quad * 4 + j) / members, place.groups - 1);
      a[j] = group_a[group] * share;
      b[j] = group_b[group] * share;
    }
    for (uint i = 0; i < count; i++) {
      pixel here = read_pixel(k, from + i * stride);
      dx[from + i * stride] = k.r * (k.gamma * here.dz - a - here.normal * b);
    }
  }
}

void sum_images(uint quads) {
  uint blocks = quads / 2, images = p.clusters / ((blocks + CLUSTER - 1) / CLUSTER);
  for (uint c = gl_LocalInvocationID.x; c < quads; c += gl_WorkGroupSize.x) {
    vec4 s = vec4(0.0), t = vec4(0.0);
    for (uint n = 0; n < images; n++) {
      s += sum[n * quads + c];
      t += product[n * quads + c];
    }
    dbeta[c] = s;
    dgamma[c] = t;
  }
}

void main() {
  uint cluster = workgroup_index();
  if (cluster >= p.clusters) return;
  cluster_place place = find_place(cluster);
  differentiate(place);
  if (arrives_last()) sum_images(place.image_quads);
}

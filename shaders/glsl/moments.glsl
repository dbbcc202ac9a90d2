// moments.glsl: mean and sum of squared deviations of what the lanes of a workgroup read, without cancellation. Lanes of
// even number hold the first four channels of a block of eight, those of odd number the others.

// Of `count` values of each of four channels.
struct moments {
  float count;
  vec4 mean;
  vec4 deviation;
};

shared moments lane_moments[gl_WorkGroupSize.x];

// Both together (Chan, Golub & LeVeque 1979): with δ = mean_b - mean_a, mean = mean_a + δ·n_b/n and
// M2 = M2_a + M2_b + δ²·n_a·n_b/n.
moments merge(moments a, moments b) {
  float count = a.count + b.count, share = b.count / max(count, 1.0);
  vec4 delta = b.mean - a.mean;
  return moments(count, a.mean + delta * share, a.deviation + b.deviation + delta * delta * (a.count * share));
}

// The function `name`: of every `stride`th vector of `tensor` from `from` on, `count` of them. Two passes, so that nothing cancels.
#define READ_MOMENTS(name, tensor)                                      \
  moments name(uint from, uint stride, uint count) {                    \
    vec4 sum = vec4(0.0), deviation = vec4(0.0);                        \
    for (uint i = 0; i < count; i++) sum += AT(tensor, from + i * stride); \
    vec4 mean = sum / max(float(count), 1.0);                           \
    for (uint i = 0; i < count; i++) {                                  \
      vec4 d = AT(tensor, from + i * stride) - mean;                    \
      deviation += d * d;                                               \
    }                                                                   \
    return moments(float(count), mean, deviation);                      \
  }

// Of all lanes of this lane's four channels, in a fixed order. All lanes call it.
moments merge_lanes(moments mine) {
  uint lane = gl_LocalInvocationID.x;
  lane_moments[lane] = mine;
  barrier();
  for (uint count = gl_WorkGroupSize.x / 2; count >= 2; count /= 2) {
    if (lane < count) lane_moments[lane] = merge(lane_moments[lane], lane_moments[lane + count]);
    barrier();
  }
  moments all = lane_moments[lane % 2];
  barrier();
  return all;
}

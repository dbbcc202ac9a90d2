// workgroup_sum.glsl: a sum over the lanes of a workgroup, whose number is a power of two.

shared float workgroup_sums[gl_WorkGroupSize.x];

// Adds up all lanes in a fixed order. All lanes call it.
float workgroup_sum(float mine) {
  uint lane = gl_LocalInvocationID.x;
  workgroup_sums[lane] = mine;
  barrier();
  for (uint count = gl_WorkGroupSize.x / 2; count >= 1; count /= 2) {
    if (lane < count) workgroup_sums[lane] += workgroup_sums[lane + count];
    barrier();
  }
  float sum = workgroup_sums[0];
  barrier();
  return sum;
}

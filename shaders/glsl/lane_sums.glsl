// lane_sums.glsl: sums over the lanes of a workgroup. Lanes of even number hold the first four channels of a block of
// eight, those of odd number the others.

shared vec4 lane_sums[gl_WorkGroupSize.x][2];

// Adds up all lanes of this lane's four channels, in a fixed order. All lanes call it.
void add_lanes(inout vec4 a, inout vec4 b) {
  uint lane = gl_LocalInvocationID.x;
  lane_sums[lane] = vec4[2](a, b);
  barrier();
  for (uint count = gl_WorkGroupSize.x / 2; count >= 2; count /= 2) {
    if (lane < count) {
      lane_sums[lane][0] += lane_sums[lane + count][0];
      lane_sums[lane][1] += lane_sums[lane + count][1];
    }
    barrier();
  }
  a = lane_sums[lane % 2][0];
  b = lane_sums[lane % 2][1];
  barrier();
}

// add_halves.comp: y = a + b, stored in half precision, computed in single. One invocation: eight elements.
#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer A { uvec4 a[]; };   // any layout
layout(binding = 1) readonly buffer B { uvec4 b[]; };   // as a
layout(binding = 2) writeonly buffer Y { uvec4 y[]; };  // as a
layout(push_constant) uniform Push { uint count; };     // of uvec4s

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= count) return;
  uvec4 sum;
  for (int k = 0; k < 4; k++) sum[k] = packHalf2x16(unpackHalf2x16(a[i][k]) + unpackHalf2x16(b[i][k]));
  y[i] = sum;
}

// canary.comp: a[i] = 1 for i < count. One invocation writes one element, past the buffer's end if count says so.
#version 450
layout(local_size_x = 64) in;
layout(binding = 0) writeonly buffer output_buffer { float a[]; };  // (64)
layout(push_constant) uniform parameters { uint count; };

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i < count) a[i] = 1.0;
}

// arrival.glsl: finds the workgroup of a dispatch that is done last, which may go on from what all have written, without
// waiting for any. The shader defines ARRIVED, a word of a coherent buffer that is 0 before the first dispatch and after
// each, and ARRIVING, how many workgroups there are; what they wrote is in coherent buffers too.

shared uint arrived;

// Whether all other workgroups have been here, and what they wrote before is to be seen; all lanes call it.
bool arrives_last() {
  memoryBarrierBuffer();
  barrier();
  if (gl_LocalInvocationID.x == 0) {
    arrived = atomicAdd(ARRIVED, 1) + 1;
    if (arrived == (ARRIVING)) ARRIVED = 0;
  }
  barrier();
  memoryBarrierBuffer();
  return arrived == (ARRIVING);
}

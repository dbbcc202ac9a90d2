// turn.glsl: from pixels to channels, for kernels of 8 lanes on CPU drivers. Reading 8 channels of a pixel with a lane each
// would be 8 scalar reads; this way 8 reads of a vec4 bring the 8 channels of four pixels.
#extension GL_KHR_shader_subgroup_shuffle : require

// Pixel `k` of four that were loaded with lane = (pixel, half): its eight channels, lane = channel.
float turn(vec4 v, int k, int lane) {
  uint from = uint(k * 2 + lane / 4);
  float a = subgroupShuffle(v.x, from), b = subgroupShuffle(v.y, from);
  float c = subgroupShuffle(v.z, from), d = subgroupShuffle(v.w, from);
  float low = lane % 2 == 0 ? a : b, high = lane % 2 == 0 ? c : d;
  return lane % 4 < 2 ? low : high;
}

// fours.glsl: the elements of an image, four at a time as Philox makes numbers for them: in row-major order, element
// e = c · area + pixel. Four of them may end in the next channel.

// Where element `e` of image `n` lies in C8 of `blocks` blocks.
uint place_of(uint n, uint e, uint area, uint blocks) {
  uint c = e / area;
  return ((n * blocks + c / 8) * area + e % area) * 8 + c % 8;
}

// squares.glsl: a walk over every `stride`th 2×2 square of an image in C8, without a division a square.

struct square_walk {
  uvec2 at, stride;  // column and row, in squares
  uint columns;      // squares side by side
};

square_walk walk_squares(uint first, uint stride, uint columns) {
  return square_walk(uvec2(first % columns, first / columns), uvec2(stride % columns, stride / columns), columns);
}

void walk_on(inout square_walk walk) {
  walk.at += walk.stride;
  if (walk.at.x >= walk.columns) walk.at = uvec2(walk.at.x - walk.columns, walk.at.y + 1);
}

// The square's vectors of four channels in reading order, of an image that begins at `from`.
uvec4 square_places(square_walk walk, uint from) {
  uint first = from + (walk.at.y * walk.columns * 2 + walk.at.x) * 4;
  return uvec4(first, first + 2, first + walk.columns * 4, first + walk.columns * 4 + 2);
}

// scale_shift.glsl: the factor and the term of scale_shift.comp and of ops that do the same after theirs. Included after the
// bindings scale and shift, of which only the form PAIR reads the second.
#include "shaders/scale_shift.h"

// Where the first half of row `row` begins, of a tensor of `quads` vec4s of channels or twice as many.
uint first_half(uint form, uint row, uint quads) { return form == SCALE_SHIFT_HALVES ? row * 2 * quads : row * quads; }

// Of the channels c of an image; `row`: that of what may depend on the step.
vec4 scale_factor(uint form, uint image, uint row, uint c, uint quads) {
  if (form == SCALE_SHIFT_PAIR) return scale[image * quads + c];
  return form == SCALE_SHIFT_HALVES ? 1.0 + scale[first_half(form, row, quads) + c] : vec4(1.0);
}

vec4 shift_term(uint form, uint row, uint c, uint quads) {
  if (form == SCALE_SHIFT_PAIR) return shift[row * quads + c];
  return scale[first_half(form, row, quads) + (form == SCALE_SHIFT_HALVES ? quads : 0) + c];
}

#ifdef SCALE_SHIFT_GRADIENT
// The sums over an image, of the gradient times what it scaled and of the gradient; into bindings that lie as scale and shift.
void write_scale_gradient(uint form, uint image, uint c, uint quads, vec4 product, vec4 sum) {
  uint at = first_half(form, image, quads) + c;
  dscale[at] = form == SCALE_SHIFT_SUM ? sum : product;
  if (form == SCALE_SHIFT_HALVES) dscale[at + quads] = sum;
  if (form == SCALE_SHIFT_PAIR) dshift[at] = sum;
}
#endif

// winograd.glsl: the transform of data that Winograd's minimal filtering F(4,3) and F(3,4) share (Lavin & Gray 2016), for
// the points 0, ±1, ±2 and ∞.

// v = Bᵀ d, six vectors each; v begins at `at`.
#define TRANSFORM_INPUT(v, d, at)                                                                            \
  {                                                                                                          \
    vec4 even = d[4] - 4.0 * d[2], odd = d[3] - 4.0 * d[1], a = d[4] - d[2], b = 2.0 * (d[3] - d[1]);        \
    v[at] = 4.0 * (d[0] - d[2]) + a;                                                                         \
    v[at + 1] = even + odd;                                                                                  \
    v[at + 2] = even - odd;                                                                                  \
    v[at + 3] = a + b;                                                                                       \
    v[at + 4] = a - b;                                                                                       \
    v[at + 5] = 4.0 * (d[1] - d[3]) + (d[5] - d[3]);                                                         \
  }

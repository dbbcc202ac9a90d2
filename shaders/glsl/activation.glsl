// activation.glsl: the activations that activation.comp and epilogues apply.
#include "shaders/types.h"

// erf to 1.5e-7 absolute (Abramowitz & Stegun 1964, 7.1.26): as good as fp32 gets in GELU, and the same on all drivers
// but for their exp.
float erf_approximate(float x) {
  float t = 1.0 / (1.0 + 0.3275911 * abs(x));
  float polynomial = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - polynomial * exp(-x * x));
}

// GELU (Hendrycks & Gimpel 2016), the exact form: x · Φ(x).
// Far out, Φ is 0 or 1 in fp32. The selection also keeps llvmpipe from computing all of it once a lane where it is stored.
float gelu(float x) {
  float near = 0.5 * x * (1.0 + erf_approximate(x * 0.70710678118654752));
  return abs(x) > 6.0 ? max(x, 0.0) : near;
}

// Φ(x) + x·φ(x), the derivative of GELU.
float gelu_gradient(float x) {
  float near = 0.5 * (1.0 + erf_approximate(x * 0.70710678118654752)) + x * 0.3989422804014327 * exp(-0.5 * x * x);
  return abs(x) > 6.0 ? (x > 0.0 ? 1.0 : 0.0) : near;
}

// SiLU (Hendrycks & Gimpel 2016), also called swish: x · σ(x). Far out on the left, where exp(-x) is no number of fp32, σ is 0.
float sigmoid(float x) { return x < -87.0 ? 0.0 : 1.0 / (1.0 + exp(-max(x, -87.0))); }
float silu(float x) { return x * sigmoid(x); }
float silu_gradient(float x) {
  float s = sigmoid(x);
  return s * (1.0 + x * (1.0 - s));
}

// Mish (Misra 2019): x · tanh(ln(1 + e)), e = exp(x); with n = e · (e + 2) the tangent is n / (n + 2), from 20 on 1 in fp32.
float mish(float x) {
  float e = exp(min(x, 20.0)), n = e * (e + 2.0);
  return x * (n / (n + 2.0));
}
float mish_gradient(float x) {
  float near = min(x, 20.0), e = exp(near), n = e * (e + 2.0);
  return n / (n + 2.0) + near * (4.0 * e * (e + 1.0) / ((n + 2.0) * (n + 2.0)));
}

// A row an activation: its number, its value at x and its derivative there.
#define ACTIVATIONS(ROW)                                 \
  ROW(ACTIVATION_GELU, gelu(x), gelu_gradient(x))        \
  ROW(ACTIVATION_RELU, max(x, 0.0), x > 0.0 ? 1.0 : 0.0) \
  ROW(ACTIVATION_SILU, silu(x), silu_gradient(x))        \
  ROW(ACTIVATION_MISH, mish(x), mish_gradient(x))

#define RETURN_VALUE(kind, value, derivative) if (activation == kind) return value;
#define RETURN_DERIVATIVE(kind, value, derivative) if (activation == kind) return derivative;

float activate(float x, uint activation) {
  ACTIVATIONS(RETURN_VALUE)
  return x;
}

vec4 activate(vec4 x, uint activation) {
  return vec4(activate(x.x, activation), activate(x.y, activation), activate(x.z, activation),
              activate(x.w, activation));
}

float activate_gradient(float x, uint activation) {
  ACTIVATIONS(RETURN_DERIVATIVE)
  return 1.0;
}

vec4 activate_gradient(vec4 x, uint activation) {
  return vec4(activate_gradient(x.x, activation), activate_gradient(x.y, activation),
              activate_gradient(x.z, activation), activate_gradient(x.w, activation));
}

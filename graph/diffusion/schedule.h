// schedule.h: how much noise there is at each timestep, and what a sampler does about it.
#ifndef MOTE_GRAPH_DIFFUSION_SCHEDULE_H
#define MOTE_GRAPH_DIFFUSION_SCHEDULE_H

#include "runtime/error.h"

// The factors of x_0 and of ε where an image is noised: x_t = signal · x_0 + noise · ε.
typedef struct noising {
  double signal, noise;
} noising;

// Fills noisings[0 … T]; the first is 1 and 0. But for flow they are √ᾱ and √(1 - ᾱ), ᾱ the share of x_0's variance that is left.
// Linear: beta_t = beta_1 + (beta_2 - beta_1)·t/T, alpha_bar_t = Π_{s=0}^{t} (1 - beta_s); of the others the product is from
// s = 1. DDPM (Ho et al. 2020): (t - 1)/(T - 1) instead of t/T; scaled linear: so is √beta_t.
// Cosine (Nichol & Dhariwal 2021): alpha_bar_t = f(t)/f(0), f(t) = cos²((t/T + 0.008)/1.008 · π/2), beta_t ≤ 0.999.
// Flow (Lipman et al. 2023; Liu et al. 2023, whose t runs the other way): 1 - t/T and t/T.
void schedule_noisings(const mote_model_info *model, noising *noisings);

// t/T, or t - 1, as the network counts: what it is told of timestep t.
float schedule_time(const mote_model_info *model, int timestep);

// An element x_0 noised by ε, and what a model should predict there: ε, v = signal · ε - noise · x_0 (Salimans & Ho 2022), x_0 or
// flow's ε - x_0. shaders/draw_batch.comp does the same on the device.
typedef struct noised {
  double x, target;
} noised;

noised schedule_noise(mote_prediction prediction, noising noising, double x0, double epsilon);

// What the squared error of a prediction counts: 1, or with gamma above 0 so much that x_0's counts min(SNR, gamma) (Hang et al.
// 2023), SNR = (signal/noise)².
double min_snr_weight(mote_prediction prediction, noising noising, double gamma);

// The same for an image that a loss is measured on.
typedef struct noised_image {
  noising noising;
  const uint8_t *pixels;  // height × height × channels of the model; 0 … 255 becomes -1 … 1
  uint32_t index;         // its noise follows from this and the seed
  uint64_t seed;
  float *x, *target;      // channels × height × height, filled
} noised_image;

void schedule_noise_image(const mote_model_info *model, const noised_image *image);

// One step of a sampler: x' = x · a + m · b + z · noise + m_before · previous + output · c, m the network's output at `timestep`,
// z normal noise. Where sampler_uses_x0, m is the x_0 that follows from the output: x0_x · x + x0_model · output.
typedef struct sampler_row {
  int timestep;  // t, where the network is evaluated
  double x, model, noise, previous, output;
  double x0_x, x0_model;
  double guidance;               // of this step
  double known, known_noise;     // what inpainting keeps, at the level where the step leads: signal and noise there
  double back, back_noise;       // from there back to t if the step is gone over again, √(ᾱ_t/ᾱ_s) and √(1 - ᾱ_t/ᾱ_s); else 1 and 0
} sampler_row;

// The timestep where a run starts: strength · T.
int sampler_first_timestep(const mote_model_info *model, const mote_sampler_desc *desc);

// Rows of a whole run, (steps - 1) · resample + 1; of Heun's, 2 · steps - 1.
int sampler_row_count(const mote_sampler_desc *desc);

// Whether rows speak of x_0, and of the x_0 of the row before too.
bool sampler_uses_x0(const mote_sampler_desc *desc);
bool sampler_is_multistep(const mote_sampler_desc *desc);

// Whether x_0 must be clipped for images to come out: where the network predicts ε, x_0 = (x - √(1 - ᾱ_t) · ε)/√ᾱ_t enters the
// next x times √ᾱ_s, so that a step multiplies the network's error by √(ᾱ_s/ᾱ_t). True if that is above 20 in one of the
// run's steps, as in the first of the cosine schedule, where it is some hundred; v and x_0 are never divided by √ᾱ_t.
mote_status sampler_needs_clip(const mote_model_info *model, const mote_sampler_desc *desc, bool *needs, mote_error *error);

// The table of a whole run. Steps visit the grid's timesteps (mote.h); each goes from t to the next, s, with s = 0 at
// the end. With ᾱ at t and s, α = √ᾱ, σ = √(1 - ᾱ), λ = ln(α/σ), h = λ_s - λ_t:
// DDIM (Song et al. 2021, equation 12): x' = √ᾱ_s · x_0 + √(1 - ᾱ_s - σ²) · ε + σ · z, σ = eta · √((1 - ᾱ_s)/(1 - ᾱ_t)) ·
// √(1 - ᾱ_t/ᾱ_s). DDPM (Ho et al. 2020, algorithm 2, on that grid): with α = ᾱ_t/ᾱ_s,
// x' = (x - (1 - α)/√(1 - ᾱ_t) · ε)/√α + √(1 - α) · z, no noise in the last step.
// DPM-Solver++(2M) (Lu et al. 2022, algorithm 2): x' = σ_s/σ_t · x + α_s · (1 - e^-h) · D; its SDE form:
// x' = σ_s/σ_t · e^-h · x + α_s · (1 - e^-2h) · D + σ_s · √(1 - e^-2h) · z. D = x_0 + (x_0 - x_0 before)/(2r),
// r = (λ_t - λ before)/h; D = x_0 in the first step, in one that leads to s = 0, in the last of fewer than 15, and where a step is
// gone over again.
// ε and x_0 follow from x and m by what the model predicts. Euler's steps are DDIM's without noise: x_0 and ε stay as they were
// found. Heun's (Karras et al. 2022, algorithm 1) are two rows, but for the last: Euler's, then from x̂ at s, with x̂_0 found there,
// x' = x̂ + α_s · (u_t - u_s)/(2u_s) · (x̂_0 - x_0), u = σ/α; of flow, where α + σ = 1, without α.
mote_status sampler_table(const mote_model_info *model, const mote_sampler_desc *desc, sampler_row *rows,
                          mote_error *error);

// `guidance` at the fraction `time` of the timesteps: 1 outside of the interval that `desc` gives.
double sampler_guidance_at(const mote_sampler_desc *desc, double guidance, double time);

#endif

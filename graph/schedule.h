// schedule.h: how much noise there is at each timestep, and what a sampler does about it.
#ifndef MOTE_GRAPH_SCHEDULE_H
#define MOTE_GRAPH_SCHEDULE_H

#include "runtime/error.h"

// Fills alpha_bar[0 … T]: the share of x_0's variance left at each timestep; alpha_bar[0] = 1.
// Linear (Ho et al. 2020): beta_t = beta_1 + (beta_2 - beta_1)·t/T, alpha_bar_t = Π_{s=0}^{t} (1 - beta_s).
// Cosine (Nichol & Dhariwal 2021): alpha_bar_t = f(t)/f(0), f(t) = cos²((t/T + 0.008)/1.008 · π/2), beta_t ≤ 0.999.
void schedule_alpha_bar(const mote_model_info *model, double *alpha_bar);

// One step of a sampler: x' = x · a + m · b + z · noise, m the network's output at `timestep`, z normal noise.
typedef struct sampler_row {
  int timestep;  // t, where the network is evaluated
  double x, model, noise;
} sampler_row;

// The table of a whole run: desc->steps rows from t = T down. `desc` is complete (no zeros left for defaults).
// Steps visit t_i = round(T · (N - i) / N); each goes from t to the next, s, with s = 0 at the end.
// DDIM (Song et al. 2021, equation 12): x' = √ᾱ_s · x_0 + √(1 - ᾱ_s - σ²) · ε + σ · z, σ = eta · √((1 - ᾱ_s)/(1 - ᾱ_t)) ·
// √(1 - ᾱ_t/ᾱ_s). DDPM (Ho et al. 2020, algorithm 2, on that grid): with α = ᾱ_t/ᾱ_s,
// x' = (x - (1 - α)/√(1 - ᾱ_t) · ε)/√α + √(1 - α) · z, no noise in the last step.
// ε and x_0 follow from x and m by what the model predicts.
mote_status sampler_table(const mote_model_info *model, const mote_sampler_desc *desc, sampler_row *rows,
                          mote_error *error);

#endif

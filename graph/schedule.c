// schedule.c: noise schedules, and every sampler as a table of coefficients.
#include "graph/schedule.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

static double cosine_level(double t_over_T) {
  double c = cos((t_over_T + 0.008) / 1.008 * pi / 2);
  return c * c;
}

void schedule_alpha_bar(const mote_model_info *model, double *alpha_bar) {
  int T = model->timesteps;
  double product = 1;
  for (int t = 0; t <= T; t++) {
    double beta;
    if (model->schedule == MOTE_SCHEDULE_COSINE)
      beta = t == 0 ? 0 : fmin(1 - cosine_level((double)t / T) / cosine_level((double)(t - 1) / T), 0.999);
    else
      beta = model->beta_start + (model->beta_end - model->beta_start) * t / T;
    product *= 1 - beta;
    alpha_bar[t] = product;
  }
  alpha_bar[0] = 1;
}

// A quantity as a combination of x and the network's output m.
typedef struct combination {
  double x, m;
} combination;

// x_0 and ε at noise level `bar`, from what the network predicts.
static void predict(mote_prediction prediction, double bar, combination *x0, combination *epsilon) {
  double signal = sqrt(bar), noise = sqrt(1 - bar);
  if (prediction == MOTE_PREDICT_EPSILON) {
    *epsilon = (combination){0, 1};
    *x0 = (combination){1 / signal, -noise / signal};
  } else if (prediction == MOTE_PREDICT_V) {  // v = √ᾱ·ε - √(1-ᾱ)·x_0 (Salimans & Ho 2022)
    *epsilon = (combination){noise, signal};
    *x0 = (combination){signal, -noise};
  } else {
    *epsilon = (combination){1 / noise, -signal / noise};
    *x0 = (combination){0, 1};
  }
}

static sampler_row ddim_row(const mote_model_info *model, double bar_t, double bar_s, double eta) {
  combination x0, epsilon;
  predict(model->prediction, bar_t, &x0, &epsilon);
  double sigma = eta * sqrt((1 - bar_s) / (1 - bar_t)) * sqrt(1 - bar_t / bar_s);
  double signal = sqrt(bar_s), direction = sqrt(fmax(1 - bar_s - sigma * sigma, 0));
  return (sampler_row){.x = signal * x0.x + direction * epsilon.x,
                       .model = signal * x0.m + direction * epsilon.m,
                       .noise = sigma};
}

static sampler_row ddpm_row(const mote_model_info *model, double bar_t, double bar_s) {
  combination x0, epsilon;
  predict(model->prediction, bar_t, &x0, &epsilon);
  double alpha = bar_t / bar_s, step = (1 - alpha) / sqrt(1 - bar_t);
  return (sampler_row){.x = (1 - step * epsilon.x) / sqrt(alpha),
                       .model = -step * epsilon.m / sqrt(alpha),
                       .noise = bar_s < 1 ? sqrt(1 - alpha) : 0};
}

mote_status sampler_table(const mote_model_info *model, const mote_sampler_desc *desc, sampler_row *rows,
                          mote_error *error) {
  double *alpha_bar = malloc(((size_t)model->timesteps + 1) * sizeof *alpha_bar);
  if (!alpha_bar) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  schedule_alpha_bar(model, alpha_bar);
  for (int i = 0; i < desc->steps; i++) {
    int t = (int)floor((double)model->timesteps * (desc->steps - i) / desc->steps + 0.5);
    int s = (int)floor((double)model->timesteps * (desc->steps - i - 1) / desc->steps + 0.5);
    rows[i] = desc->kind == MOTE_SAMPLER_DDPM ? ddpm_row(model, alpha_bar[t], alpha_bar[s])
                                              : ddim_row(model, alpha_bar[t], alpha_bar[s], desc->eta);
    rows[i].timestep = t;
  }
  free(alpha_bar);
  return MOTE_OK;
}

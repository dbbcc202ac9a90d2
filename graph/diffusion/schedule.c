// schedule.c: noise schedules, and every sampler as a table of coefficients.
#include "graph/diffusion/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "graph/ir/philox.h"
#include "graph/nets/network.h"
#include "shaders/streams.h"

static const double pi = 3.14159265358979323846;

static double cosine_level(double t_over_T) {
  double c = cos((t_over_T + 0.008) / 1.008 * pi / 2);
  return c * c;
}

static double beta_of(const mote_model_info *model, int t) {
  const int T = model->timesteps;
  const double low = model->beta_start, high = model->beta_end, part = T > 1 ? (double)(t - 1) / (T - 1) : 0;
  if (model->schedule == MOTE_SCHEDULE_LINEAR) return low + (high - low) * t / T;
  if (t == 0) return 0;
  if (model->schedule == MOTE_SCHEDULE_DDPM) return low + (high - low) * part;
  if (model->schedule == MOTE_SCHEDULE_SCALED_LINEAR) return pow(sqrt(low) + (sqrt(high) - sqrt(low)) * part, 2);
  return fmin(1 - cosine_level((double)t / T) / cosine_level((double)(t - 1) / T), 0.999);
}

void schedule_alpha_bar(const mote_model_info *model, double *alpha_bar) {
  double product = 1;
  for (int t = 0; t <= model->timesteps; t++) alpha_bar[t] = product *= 1 - beta_of(model, t);
  alpha_bar[0] = 1;
}

float schedule_time(const mote_model_info *model, int timestep) {
  return (float)(network_of(model)->counts_from_0 ? timestep - 1 : (double)timestep / model->timesteps);
}

noising schedule_noising(double alpha_bar) { return (noising){.signal = sqrt(alpha_bar), .noise = sqrt(1 - alpha_bar)}; }

noised schedule_noise(mote_prediction prediction, double alpha_bar, double x0, double epsilon) {
  const noising n = schedule_noising(alpha_bar);
  const double targets[] = {[MOTE_PREDICT_EPSILON] = epsilon,
                            [MOTE_PREDICT_V] = n.signal * epsilon - n.noise * x0,
                            [MOTE_PREDICT_X0] = x0};
  return (noised){.x = n.signal * x0 + n.noise * epsilon, .target = targets[prediction]};
}

void schedule_noise_image(const mote_model_info *model, const noised_image *image) {
  const uint32_t area = (uint32_t)network_image_size(model) / (uint32_t)model->channels, channels = (uint32_t)model->channels;
  for (uint32_t i = 0; i < channels * area; i++) {
    double x0 = image->pixels[i % area * channels + i / area] / 127.5 - 1;
    double epsilon = philox_normal((philox_block){{i, image->index, 0, STREAM_VALIDATION}}, image->seed);
    const noised made = schedule_noise(model->prediction, image->alpha_bar, x0, epsilon);
    image->x[i] = (float)made.x;
    image->target[i] = (float)made.target;
  }
}

// A quantity as a combination of x and the network's output m.
typedef struct combination {
  double x, m;
} combination;

// x_0 and ε at noise level `bar`, from what the network predicts.
static void predict(mote_prediction prediction, double bar, combination *x0, combination *epsilon) {
  const double signal = schedule_noising(bar).signal, noise = schedule_noising(bar).noise;
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

bool sampler_is_multistep(const mote_sampler_desc *desc) {
  return desc->kind == MOTE_SAMPLER_DPMPP || desc->kind == MOTE_SAMPLER_DPMPP_SDE;
}

bool sampler_uses_x0(const mote_sampler_desc *desc) {
  return sampler_is_multistep(desc) || desc->clip_x0 || desc->threshold > 0;
}

// Where a step goes from and to, as shares of x_0's variance; `before`: where the last one came from, 0 for none.
typedef struct leap {
  double t, s, before;
} leap;

// `own`: how ε follows from the network's own output, where it is not to follow from x_0; else NULL.
static sampler_row ddim_row(mote_prediction prediction, leap leap, double eta, const combination *own) {
  combination x0, epsilon;
  predict(prediction, leap.t, &x0, &epsilon);
  double sigma = eta * sqrt((1 - leap.s) / (1 - leap.t)) * sqrt(1 - leap.t / leap.s);
  double signal = sqrt(leap.s), direction = sqrt(fmax(1 - leap.s - sigma * sigma, 0));
  if (own)
    return (sampler_row){.x = direction * own->x, .model = signal, .output = direction * own->m, .noise = sigma};
  return (sampler_row){.x = signal * x0.x + direction * epsilon.x,
                       .model = signal * x0.m + direction * epsilon.m,
                       .noise = sigma};
}

static sampler_row ddpm_row(mote_prediction prediction, leap leap) {
  combination x0, epsilon;
  predict(prediction, leap.t, &x0, &epsilon);
  double alpha = leap.t / leap.s, step = (1 - alpha) / sqrt(1 - leap.t);
  return (sampler_row){.x = (1 - step * epsilon.x) / sqrt(alpha),
                       .model = -step * epsilon.m / sqrt(alpha),
                       .noise = leap.s < 1 ? sqrt(1 - alpha) : 0};
}

static double half_log_snr(double bar) { return 0.5 * log(bar / (1 - bar)); }

static sampler_row dpmpp_row(leap leap, bool sde) {
  if (leap.s == 1) return (sampler_row){.model = 1};
  double lambda = half_log_snr(leap.t), h = half_log_snr(leap.s) - lambda, sigma = sqrt(1 - leap.s);
  double towards = -sqrt(leap.s) * expm1(sde ? -2 * h : -h);  // α_s · (1 - e^-h)
  double over = leap.before > 0 ? h / (2 * (lambda - half_log_snr(leap.before))) : 0;  // 1/(2r)
  return (sampler_row){.x = sigma / sqrt(1 - leap.t) * (sde ? exp(-h) : 1),
                       .model = towards * (1 + over),
                       .previous = -towards * over,
                       .noise = sde ? sigma * sqrt(-expm1(-2 * h)) : 0};
}

static sampler_row row_of(const mote_model_info *model, const mote_sampler_desc *desc, leap leap) {
  mote_prediction prediction = sampler_uses_x0(desc) ? MOTE_PREDICT_X0 : model->prediction;
  combination x0, epsilon;
  predict(model->prediction, leap.t, &x0, &epsilon);
  const bool clamps = desc->clip_x0 || desc->threshold > 0;
  sampler_row row;
  switch (desc->kind) {
    case MOTE_SAMPLER_DDPM: row = ddpm_row(prediction, leap); break;
    case MOTE_SAMPLER_DPMPP:
    case MOTE_SAMPLER_DPMPP_SDE: row = dpmpp_row(leap, desc->kind == MOTE_SAMPLER_DPMPP_SDE); break;
    default: row = ddim_row(prediction, leap, desc->eta, clamps && model->sampling.keep_epsilon ? &epsilon : NULL);
  }
  // Rows speak of x_0 in units of what it is clamped to.
  const double unit = desc->clip_x0 && model->sampling.clip > 0 ? model->sampling.clip : 1;
  row.x0_x = x0.x / unit;
  row.x0_model = x0.m / unit;
  row.model *= unit;
  row.previous *= unit;
  row.known = schedule_noising(leap.s).signal;
  row.known_noise = schedule_noising(leap.s).noise;
  row.back = 1;
  return row;
}

// ---------------------------------------------------------------------------------------------------------------------
// Grids

int sampler_first_timestep(const mote_model_info *model, const mote_sampler_desc *desc) {
  double strength = desc->strength > 0 ? desc->strength : 1;
  int first = (int)floor(model->timesteps * strength + 0.5);
  return first < 1 ? 1 : first;
}

static double sigma_of(double bar) { return sqrt((1 - bar) / bar); }

static int nearest_timestep(const double *alpha_bar, int first, double sigma) {
  int nearest = 1;
  for (int t = 2; t <= first; t++)
    if (fabs(sigma_of(alpha_bar[t]) - sigma) < fabs(sigma_of(alpha_bar[nearest]) - sigma)) nearest = t;
  return nearest;
}

// As mote.h says. DPM-Solver++ divides as if there were one step more, after the last.
static int diffusers_timestep(const mote_model_info *model, const mote_sampler_desc *desc, int first, int i) {
  const int past = sampler_is_multistep(desc), count = desc->steps + past, left = count - 1 - i;
  mote_grid grid = desc->grid;
  if (grid == MOTE_GRID_DIFFUSERS) grid = past ? MOTE_GRID_LINSPACE : MOTE_GRID_LEADING;
  if (grid == MOTE_GRID_TRAILING) return (int)rint(first - (double)first / desc->steps * i);
  if (grid == MOTE_GRID_LINSPACE) return count == 1 ? first : 1 + (int)rint((double)(first - 1) / (count - 1) * left);
  const int t = 1 + model->sampling.offset + left * (first / count);
  return t < first ? t : first;
}

static int grid_timestep(mote_grid grid, const double *alpha_bar, int first, int i, int steps) {
  double left = (double)(steps - i) / steps;
  if (grid == MOTE_GRID_QUADRATIC) return (int)floor(first * left * left + 0.5);
  if (grid == MOTE_GRID_KARRAS && steps > 1) {
    const double rho = 7;
    double from = pow(sigma_of(alpha_bar[first]), 1 / rho), to = pow(sigma_of(alpha_bar[1]), 1 / rho);
    return nearest_timestep(alpha_bar, first, pow(from + (to - from) * i / (steps - 1), rho));
  }
  return (int)floor((double)first * (steps - i) / steps + 0.5);
}

// timesteps[0 … steps], the last 0. Where rounding makes two alike the later ones move down, but leave room for those
// after them.
static void make_grid(const mote_model_info *model, const mote_sampler_desc *desc, const double *alpha_bar, int first,
                      int *timesteps) {
  const bool as_diffusers = desc->grid >= MOTE_GRID_DIFFUSERS;
  for (int i = 0; i < desc->steps; i++) {
    int t = as_diffusers ? diffusers_timestep(model, desc, first, i) : grid_timestep(desc->grid, alpha_bar, first, i, desc->steps);
    if (i > 0 && t >= timesteps[i - 1]) t = timesteps[i - 1] - 1;
    timesteps[i] = t < desc->steps - i ? desc->steps - i : t;
  }
  timesteps[desc->steps] = as_diffusers && model->sampling.end_early;
}

// ---------------------------------------------------------------------------------------------------------------------
// Tables

static int resample_count(const mote_sampler_desc *desc) { return desc->resample > 0 ? desc->resample : 1; }

int sampler_row_count(const mote_sampler_desc *desc) { return (desc->steps - 1) * resample_count(desc) + 1; }

static double guidance_at(const mote_sampler_desc *desc, double time) {
  double high = desc->guidance_high > 0 ? desc->guidance_high : 1;
  return desc->guidance > 0 && time >= desc->guidance_low && time <= high ? desc->guidance : 1;
}

static void fill_rows(const mote_model_info *model, const mote_sampler_desc *desc, const double *alpha_bar,
                      const int *timesteps, sampler_row *rows) {
  for (int i = 0; i < desc->steps; i++) {
    int count = i + 1 < desc->steps ? resample_count(desc) : 1;
    for (int k = 0; k < count; k++, rows++) {
      leap leap = {.t = alpha_bar[timesteps[i]], .s = alpha_bar[timesteps[i + 1]]};
      const bool is_last = i + 1 == desc->steps && desc->steps < 15;  // of few, it takes no other into account
      if (i > 0 && k == 0 && !is_last) leap.before = alpha_bar[timesteps[i - 1]];
      *rows = row_of(model, desc, leap);
      rows->timestep = timesteps[i];
      rows->guidance = guidance_at(desc, (double)timesteps[i] / model->timesteps);
      if (k + 1 == count) continue;
      rows->back = schedule_noising(leap.t / leap.s).signal;
      rows->back_noise = schedule_noising(leap.t / leap.s).noise;
    }
  }
}

// Both for the caller to free, on failure too.
static mote_status list_timesteps(const mote_model_info *model, const mote_sampler_desc *desc, double **alpha_bar,
                                  int **timesteps, mote_error *error) {
  *alpha_bar = malloc(((size_t)model->timesteps + 1) * sizeof **alpha_bar);
  *timesteps = malloc(((size_t)desc->steps + 1) * sizeof **timesteps);
  if (!*alpha_bar || !*timesteps) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  schedule_alpha_bar(model, *alpha_bar);
  make_grid(model, desc, *alpha_bar, sampler_first_timestep(model, desc), *timesteps);
  return MOTE_OK;
}

mote_status sampler_table(const mote_model_info *model, const mote_sampler_desc *desc, sampler_row *rows,
                          mote_error *error) {
  double *alpha_bar;
  int *timesteps;
  mote_status status = list_timesteps(model, desc, &alpha_bar, &timesteps, error);
  if (!status) fill_rows(model, desc, alpha_bar, timesteps, rows);
  free(alpha_bar);
  free(timesteps);
  return status;
}

mote_status sampler_needs_clip(const mote_model_info *model, const mote_sampler_desc *desc, bool *needs, mote_error *error) {
  static const double most = 20;
  double *alpha_bar;
  int *timesteps;
  *needs = false;
  if (model->prediction != MOTE_PREDICT_EPSILON) return MOTE_OK;
  mote_status status = list_timesteps(model, desc, &alpha_bar, &timesteps, error);
  for (int i = 0; i < desc->steps && !status; i++)
    *needs |= alpha_bar[timesteps[i + 1]] > most * most * alpha_bar[timesteps[i]];
  free(alpha_bar);
  free(timesteps);
  return status;
}

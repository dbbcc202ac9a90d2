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

void schedule_noisings(const mote_model_info *model, noising *noisings) {
  const int T = model->timesteps;
  double alpha_bar = 1;
  for (int t = 0; t <= T; t++) {
    if (model->schedule == MOTE_SCHEDULE_FLOW) {
      noisings[t] = (noising){.signal = 1 - (double)t / T, .noise = (double)t / T};
    } else {
      alpha_bar *= 1 - beta_of(model, t);
      noisings[t] = (noising){.signal = sqrt(alpha_bar), .noise = sqrt(1 - alpha_bar)};
    }
  }
  noisings[0] = (noising){.signal = 1};
}

float schedule_time(const mote_model_info *model, int timestep) {
  return (float)(network_of(model)->counts_from_0 ? timestep - 1 : (double)timestep / model->timesteps);
}

noised schedule_noise(mote_prediction prediction, noising n, double x0, double epsilon) {
  const double targets[] = {[MOTE_PREDICT_EPSILON] = epsilon,
                            [MOTE_PREDICT_V] = n.signal * epsilon - n.noise * x0,
                            [MOTE_PREDICT_X0] = x0,
                            [MOTE_PREDICT_FLOW] = epsilon - x0};
  return (noised){.x = n.signal * x0 + n.noise * epsilon, .target = targets[prediction]};
}

void schedule_noise_image(const mote_model_info *model, const noised_image *image) {
  const uint32_t area = (uint32_t)network_image_size(model) / (uint32_t)model->channels, channels = (uint32_t)model->channels;
  for (uint32_t i = 0; i < channels * area; i++) {
    double x0 = image->pixels[i % area * channels + i / area] / 127.5 - 1;
    double epsilon = philox_normal((philox_block){{i, image->index, 0, STREAM_VALIDATION}}, image->seed);
    const noised made = schedule_noise(model->prediction, image->noising, x0, epsilon);
    image->x[i] = (float)made.x;
    image->target[i] = (float)made.target;
  }
}

// A quantity as a combination of x and the network's output m.
typedef struct combination {
  double x, m;
} combination;

// x_0 and ε from what the network predicts.
static void predict(mote_prediction prediction, noising n, combination *x0, combination *epsilon) {
  const double both = n.signal + n.noise, squares = n.signal * n.signal + n.noise * n.noise;
  switch (prediction) {
    case MOTE_PREDICT_EPSILON:
      *x0 = (combination){1 / n.signal, -n.noise / n.signal};
      *epsilon = (combination){0, 1};
      break;
    case MOTE_PREDICT_V:
      *x0 = (combination){n.signal / squares, -n.noise / squares};
      *epsilon = (combination){n.noise / squares, n.signal / squares};
      break;
    case MOTE_PREDICT_FLOW:
      *x0 = (combination){1 / both, -n.noise / both};
      *epsilon = (combination){1 / both, n.signal / both};
      break;
    default:
      *x0 = (combination){0, 1};
      *epsilon = (combination){1 / n.noise, -n.signal / n.noise};
  }
}

double min_snr_weight(mote_prediction prediction, noising n, double gamma) {
  if (gamma == 0) return 1;
  combination x0, epsilon;
  predict(prediction, n, &x0, &epsilon);
  const double snr = n.signal * n.signal / (n.noise * n.noise);
  return (snr < gamma ? snr : gamma) * x0.m * x0.m;
}

bool sampler_is_multistep(const mote_sampler_desc *desc) {
  return desc->kind == MOTE_SAMPLER_DPMPP || desc->kind == MOTE_SAMPLER_DPMPP_SDE || desc->kind == MOTE_SAMPLER_HEUN;
}

bool sampler_uses_x0(const mote_sampler_desc *desc) {
  return sampler_is_multistep(desc) || desc->clip_x0 || desc->threshold > 0;
}

// Where a step goes from and to, and where the last one came from; its noise is 0 where none matters.
typedef struct leap {
  noising t, s, before;
} leap;

// What is left at t of the signal at s, and the variance of the noise that comes with it.
static double kept(leap leap) { return leap.t.signal / leap.s.signal; }

static double added(leap leap) {
  return leap.t.noise * leap.t.noise - kept(leap) * kept(leap) * leap.s.noise * leap.s.noise;
}

// `own`: how ε follows from the network's own output, where it is not to follow from x_0; else NULL.
static sampler_row ddim_row(mote_prediction prediction, leap leap, double eta, const combination *own) {
  combination x0, epsilon;
  predict(prediction, leap.t, &x0, &epsilon);
  double sigma = eta * leap.s.noise / leap.t.noise * sqrt(added(leap));
  double signal = leap.s.signal, direction = sqrt(fmax(leap.s.noise * leap.s.noise - sigma * sigma, 0));
  if (own)
    return (sampler_row){.x = direction * own->x, .model = signal, .output = direction * own->m, .noise = sigma};
  return (sampler_row){.x = signal * x0.x + direction * epsilon.x,
                       .model = signal * x0.m + direction * epsilon.m,
                       .noise = sigma};
}

static sampler_row ddpm_row(mote_prediction prediction, leap leap) {
  combination x0, epsilon;
  predict(prediction, leap.t, &x0, &epsilon);
  double step = added(leap) / leap.t.noise;
  return (sampler_row){.x = (1 - step * epsilon.x) / kept(leap),
                       .model = -step * epsilon.m / kept(leap),
                       .noise = leap.s.noise > 0 ? sqrt(added(leap)) : 0};
}

static double half_log_snr(noising n) { return log(n.signal / n.noise); }

static sampler_row dpmpp_row(leap leap, bool sde) {
  if (leap.s.noise == 0) return (sampler_row){.model = 1};
  double lambda = half_log_snr(leap.t), h = half_log_snr(leap.s) - lambda, sigma = leap.s.noise;
  double towards = -leap.s.signal * expm1(sde ? -2 * h : -h);  // α_s · (1 - e^-h)
  double over = leap.before.noise > 0 ? h / (2 * (lambda - half_log_snr(leap.before))) : 0;  // 1/(2r)
  return (sampler_row){.x = sigma / leap.t.noise * (sde ? exp(-h) : 1),
                       .model = towards * (1 + over),
                       .previous = -towards * over,
                       .noise = sde ? sigma * sqrt(-expm1(-2 * h)) : 0};
}

// Heun's second half of a step, from where its first half, Euler's, led, with the x_0 found there as m and the first one as
// m_before: the two slopes' mean takes the place of the first. A slope is (y - x_0)/u: y = x and u = σ where the path is straight
// in t, else y = x/α and u = σ/α, in which it bends least (Karras et al. 2022, algorithm 1).
static sampler_row heun_row(const mote_model_info *model, leap leap) {
  const bool flow = model->schedule == MOTE_SCHEDULE_FLOW;
  const double unit = flow ? 1 : leap.s.signal, t = leap.t.noise / (flow ? 1 : leap.t.signal), s = leap.s.noise / unit;
  const double half = unit * (t - s) / (2 * s);
  return (sampler_row){.x = 1, .model = half, .previous = -half};
}

// `corrects`: the second half of a step of Heun's.
static sampler_row row_of(const mote_model_info *model, const mote_sampler_desc *desc, leap leap, bool corrects) {
  mote_prediction prediction = sampler_uses_x0(desc) ? MOTE_PREDICT_X0 : model->prediction;
  combination x0, epsilon;
  predict(model->prediction, corrects ? leap.s : leap.t, &x0, &epsilon);
  const bool clamps = desc->clip_x0 || desc->threshold > 0;
  sampler_row row;
  switch (desc->kind) {
    case MOTE_SAMPLER_DDPM: row = ddpm_row(prediction, leap); break;
    case MOTE_SAMPLER_HEUN: row = corrects ? heun_row(model, leap) : ddim_row(prediction, leap, 0, NULL); break;
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
  row.known = leap.s.signal;
  row.known_noise = leap.s.noise;
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

static double sigma_of(noising n) { return n.noise / n.signal; }

static int nearest_timestep(const noising *noisings, int first, double sigma) {
  int nearest = 1;
  for (int t = 2; t <= first; t++)
    if (fabs(sigma_of(noisings[t]) - sigma) < fabs(sigma_of(noisings[nearest]) - sigma)) nearest = t;
  return nearest;
}

// As mote.h says. DPM-Solver++ divides as if there were one step more, after the last.
static int diffusers_timestep(const mote_model_info *model, const mote_sampler_desc *desc, int first, int i) {
  const int past = sampler_is_multistep(desc) && desc->kind != MOTE_SAMPLER_HEUN, count = desc->steps + past, left = count - 1 - i;
  mote_grid grid = desc->grid;
  if (grid == MOTE_GRID_DIFFUSERS) grid = past ? MOTE_GRID_LINSPACE : MOTE_GRID_LEADING;
  if (grid == MOTE_GRID_TRAILING) return (int)rint(first - (double)first / desc->steps * i);
  if (grid == MOTE_GRID_LINSPACE) return count == 1 ? first : 1 + (int)rint((double)(first - 1) / (count - 1) * left);
  const int t = 1 + model->sampling.offset + left * (first / count);
  return t < first ? t : first;
}

static int grid_timestep(mote_grid grid, const noising *noisings, int first, int i, int steps) {
  double left = (double)(steps - i) / steps;
  if (grid == MOTE_GRID_QUADRATIC) return (int)floor(first * left * left + 0.5);
  if (grid == MOTE_GRID_KARRAS && steps > 1) {
    const double rho = 7;
    double from = pow(sigma_of(noisings[first]), 1 / rho), to = pow(sigma_of(noisings[1]), 1 / rho);
    return nearest_timestep(noisings, first, pow(from + (to - from) * i / (steps - 1), rho));
  }
  return (int)floor((double)first * (steps - i) / steps + 0.5);
}

// timesteps[0 … steps], the last 0. Where rounding makes two alike the later ones move down, but leave room for those
// after them.
static void make_grid(const mote_model_info *model, const mote_sampler_desc *desc, const noising *noisings, int first,
                      int *timesteps) {
  const bool as_diffusers = desc->grid >= MOTE_GRID_DIFFUSERS;
  for (int i = 0; i < desc->steps; i++) {
    int t = as_diffusers ? diffusers_timestep(model, desc, first, i) : grid_timestep(desc->grid, noisings, first, i, desc->steps);
    if (i > 0 && t >= timesteps[i - 1]) t = timesteps[i - 1] - 1;
    timesteps[i] = t < desc->steps - i ? desc->steps - i : t;
  }
  const bool early = sampler_is_multistep(desc) ? model->sampling.end_early_multistep
                                                : desc->kind != MOTE_SAMPLER_DDPM && model->sampling.end_early;
  timesteps[desc->steps] = as_diffusers && early;
}

// ---------------------------------------------------------------------------------------------------------------------
// Tables

static int resample_count(const mote_sampler_desc *desc) { return desc->resample > 0 ? desc->resample : 1; }

// Heun's steps evaluate the network twice, but for the last.
int sampler_row_count(const mote_sampler_desc *desc) {
  return (desc->steps - 1) * (desc->kind == MOTE_SAMPLER_HEUN ? 2 : resample_count(desc)) + 1;
}

double sampler_guidance_at(const mote_sampler_desc *desc, double guidance, double time) {
  double high = desc->guidance_high > 0 ? desc->guidance_high : 1;
  return guidance > 0 && time >= desc->guidance_low && time <= high ? guidance : 1;
}

static sampler_row *fill_row(const mote_model_info *model, const mote_sampler_desc *desc, leap leap, int timestep,
                             bool corrects, sampler_row *row) {
  *row = row_of(model, desc, leap, corrects);
  row->timestep = timestep;
  row->guidance = sampler_guidance_at(desc, desc->guidance, (double)timestep / model->timesteps);
  return row;
}

// Where step i leads: to the next step's timestep; DDIM on a grid of diffusers always ⌊t_0/N⌋ down, which rounding may part from that.
static int timestep_after(const mote_model_info *model, const mote_sampler_desc *desc, const int *timesteps, int i) {
  if (desc->grid < MOTE_GRID_DIFFUSERS || desc->kind != MOTE_SAMPLER_DDIM) return timesteps[i + 1];
  const int t = timesteps[i] - sampler_first_timestep(model, desc) / desc->steps;
  return t >= 1 ? t : timesteps[desc->steps];
}

static void fill_rows(const mote_model_info *model, const mote_sampler_desc *desc, const noising *noisings,
                      const int *timesteps, sampler_row *rows) {
  for (int i = 0; i < desc->steps; i++) {
    const bool is_last = i + 1 == desc->steps;
    int count = is_last ? 1 : resample_count(desc);
    leap leap = {.t = noisings[timesteps[i]], .s = noisings[timestep_after(model, desc, timesteps, i)]};
    for (int k = 0; k < count; k++) {
      leap.before = (noising){0};
      if (i > 0 && k == 0 && !(is_last && desc->steps < 15)) leap.before = noisings[timesteps[i - 1]];  // of few, not in the last
      sampler_row *row = fill_row(model, desc, leap, timesteps[i], false, rows++);
      if (k + 1 == count) continue;
      row->back = kept(leap);
      row->back_noise = sqrt(added(leap));
    }
    if (desc->kind == MOTE_SAMPLER_HEUN && !is_last) fill_row(model, desc, leap, timesteps[i + 1], true, rows++);
  }
}

// Both for the caller to free, on failure too.
static mote_status list_timesteps(const mote_model_info *model, const mote_sampler_desc *desc, noising **noisings,
                                  int **timesteps, mote_error *error) {
  *noisings = malloc(((size_t)model->timesteps + 1) * sizeof **noisings);
  *timesteps = malloc(((size_t)desc->steps + 1) * sizeof **timesteps);
  if (!*noisings || !*timesteps) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  schedule_noisings(model, *noisings);
  make_grid(model, desc, *noisings, sampler_first_timestep(model, desc), *timesteps);
  return MOTE_OK;
}

mote_status sampler_table(const mote_model_info *model, const mote_sampler_desc *desc, sampler_row *rows,
                          mote_error *error) {
  noising *noisings;
  int *timesteps;
  mote_status status = list_timesteps(model, desc, &noisings, &timesteps, error);
  if (!status) fill_rows(model, desc, noisings, timesteps, rows);
  free(noisings);
  free(timesteps);
  return status;
}

mote_status sampler_needs_clip(const mote_model_info *model, const mote_sampler_desc *desc, bool *needs, mote_error *error) {
  static const double most = 20;
  noising *noisings;
  int *timesteps;
  *needs = false;
  if (model->prediction != MOTE_PREDICT_EPSILON) return MOTE_OK;
  mote_status status = list_timesteps(model, desc, &noisings, &timesteps, error);
  for (int i = 0; i < desc->steps && !status; i++)
    *needs |= noisings[timesteps[i + 1]].signal > most * noisings[timesteps[i]].signal;
  free(noisings);
  free(timesteps);
  return status;
}

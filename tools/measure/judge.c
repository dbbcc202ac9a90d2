// judge.c: class accuracy and the Fréchet distance, in what a classifier sees.
#include "tools/measure/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/philox.h"
#include "runtime/error.h"
#include "shaders/streams.h"

enum { BATCH = 64, RESAMPLES = 100 };

// What the classifier found in a set of images.
typedef struct findings {
  uint32_t count;
  int *classes;     // the likeliest
  float *features;  // count × width
  double *weights;  // of each image; all 1 if nothing else is said
} findings;

static void findings_finish(findings *f) {
  free(f->classes);
  free(f->features);
  free(f->weights);
  *f = (findings){0};
}

static int likeliest(const float *logits, int classes) {
  int best = 0;
  for (int k = 1; k < classes; k++)
    if (logits[k] > logits[best]) best = k;
  return best;
}

// NHWC bytes to NCHW in [-1, 1].
static void unpack(const uint8_t *pixels, const mote_model_info *info, float *x) {
  size_t area = image_area(image_size_of(info)), channels = (size_t)info->channels;
  for (size_t c = 0; c < channels; c++)
    for (size_t p = 0; p < area; p++) x[c * area + p] = (float)(pixels[p * channels + c] / 127.5 - 1);
}

static mote_status look_at(mote_model *classifier, const uint8_t *pixels, uint32_t count, findings *out,
                           mote_error *error) {
  const mote_model_info *info = mote_model_get_info(classifier);
  size_t each = image_values(image_size_of(info)), width = (size_t)info->feature_count;
  float *x = malloc(BATCH * each * sizeof *x), *logits = malloc(BATCH * (size_t)info->n_cfeat * sizeof *logits);
  *out = (findings){count, malloc(count * sizeof *out->classes + 1), malloc(count * width * sizeof *out->features + 1),
                    malloc(count * sizeof *out->weights + 1)};
  mote_status status = x && logits && out->classes && out->features && out->weights
                           ? MOTE_OK
                           : fail(error, MOTE_ERROR_MEMORY, "no memory to judge %u images", (unsigned)count);
  for (uint32_t first = 0; first < count && !status; first += BATCH) {
    uint32_t batch = count - first < BATCH ? count - first : BATCH;
    for (uint32_t i = 0; i < batch; i++) unpack(pixels + (first + i) * each, info, x + i * each);
    status = mote_model_classify(classifier, (int)batch, x, logits, out->features + first * width, error);
    for (uint32_t i = 0; i < batch && !status; i++) {
      out->classes[first + i] = likeliest(logits + i * (size_t)info->n_cfeat, info->n_cfeat);
      out->weights[first + i] = 1;
    }
  }
  free(x);
  free(logits);
  if (status) findings_finish(out);
  return status;
}

// Weighs real images so that all classes count the same, as they are dealt out to samples.
static void balance(findings *found, const int *labels) {
  uint32_t members[MOTE_MAX_LABELS] = {0};
  for (uint32_t i = 0; i < found->count; i++) members[labels[i]]++;
  for (uint32_t i = 0; i < found->count; i++) found->weights[i] = 1.0 / members[labels[i]];
}

// Part of the images with wanted[i] == `only` (-1: of all) that were found to be what is wanted.
static estimate accuracy_of(const findings *found, const int *wanted, int only, double *scratch) {
  size_t count = 0;
  for (uint32_t i = 0; i < found->count; i++)
    if (only < 0 || wanted[i] == only) scratch[count++] = found->classes[i] == wanted[i];
  return estimate_mean(scratch, count);
}

// ---------------------------------------------------------------------------------------------------------------------
// Fréchet distance

// A normal distribution over `width` features.
typedef struct normal {
  size_t width;
  double *mean, *covariance;  // width, width × width
} normal;

// Of the features of images pick[0 … count], or of all where `pick` is NULL, by their weights.
static void fit(const findings *found, const uint32_t *pick, normal *out) {
  size_t d = out->width;
  double total = 0, squares = 0;
  memset(out->mean, 0, d * sizeof *out->mean);
  memset(out->covariance, 0, d * d * sizeof *out->covariance);
  for (uint32_t i = 0; i < found->count; i++) total += found->weights[pick ? pick[i] : i];
  for (uint32_t i = 0; i < found->count; i++) {
    size_t image = pick ? pick[i] : i;
    double weight = found->weights[image] / total;
    squares += weight * weight;
    for (size_t a = 0; a < d; a++) out->mean[a] += weight * found->features[image * d + a];
  }
  double unbiased = squares < 1 ? 1 / (1 - squares) : 1;
  for (uint32_t i = 0; i < found->count; i++) {
    size_t image = pick ? pick[i] : i;
    const float *row = found->features + image * d;
    double weight = found->weights[image] / total * unbiased;
    for (size_t a = 0; a < d; a++)
      for (size_t b = 0; b <= a; b++)
        out->covariance[a * d + b] += weight * (row[a] - out->mean[a]) * (row[b] - out->mean[b]);
  }
  for (size_t a = 0; a < d; a++)
    for (size_t b = 0; b < a; b++) out->covariance[b * d + a] = out->covariance[a * d + b];
}

// Lower triangular L with L·Lᵀ = m, columns of zeros where m has no rank left.
static void cholesky(const double *m, size_t d, double *L) {
  memset(L, 0, d * d * sizeof *L);
  for (size_t j = 0; j < d; j++) {
    double pivot = m[j * d + j];
    for (size_t k = 0; k < j; k++) pivot -= L[j * d + k] * L[j * d + k];
    if (pivot <= 1e-12 * m[j * d + j] || pivot <= 0) continue;
    L[j * d + j] = sqrt(pivot);
    for (size_t i = j + 1; i < d; i++) {
      double sum = m[i * d + j];
      for (size_t k = 0; k < j; k++) sum -= L[i * d + k] * L[j * d + k];
      L[i * d + j] = sum / L[j * d + j];
    }
  }
}

// Turns rows and columns p and q of the symmetric matrix so that m[p][q] becomes 0.
static void rotate(double *m, size_t d, size_t p, size_t q) {
  double theta = (m[q * d + q] - m[p * d + p]) / (2 * m[p * d + q]);
  double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
  for (size_t k = 0; k < d; k++) {
    double a = m[k * d + p], b = m[k * d + q];
    m[k * d + p] = c * a - s * b;
    m[k * d + q] = s * a + c * b;
  }
  for (size_t k = 0; k < d; k++) {
    double a = m[p * d + k], b = m[q * d + k];
    m[p * d + k] = c * a - s * b;
    m[q * d + k] = s * a + c * b;
  }
}

// Σ √λ over the eigenvalues of the symmetric matrix, which is destroyed, by Jacobi's method.
static double sum_root_eigenvalues(double *m, size_t d) {
  for (int sweep = 0; sweep < 30; sweep++) {
    double off = 0, diagonal = 0;
    for (size_t p = 0; p < d; p++) {
      diagonal += m[p * d + p] * m[p * d + p];
      for (size_t q = p + 1; q < d; q++) off += m[p * d + q] * m[p * d + q];
    }
    if (off <= 1e-24 * diagonal) break;
    for (size_t p = 0; p < d; p++)
      for (size_t q = p + 1; q < d; q++)
        if (fabs(m[p * d + q]) > 1e-300) rotate(m, d, p, q);
  }
  double sum = 0;
  for (size_t p = 0; p < d; p++) sum += sqrt(fmax(m[p * d + p], 0));
  return sum;
}

// The eigenvalues of C1·C2 are those of Lᵀ·C2·L, L·Lᵀ = C1. `scratch` holds 2 width² numbers.
static double frechet(const normal *one, const double *L, const normal *other, double *scratch) {
  size_t d = one->width;
  double *product = scratch, *m = scratch + d * d, distance = 0;
  for (size_t a = 0; a < d; a++) {
    double apart = one->mean[a] - other->mean[a];
    distance += apart * apart + one->covariance[a * d + a] + other->covariance[a * d + a];
    for (size_t b = 0; b < d; b++) {
      double sum = 0;
      for (size_t k = b; k < d; k++) sum += other->covariance[a * d + k] * L[k * d + b];
      product[a * d + b] = sum;
    }
  }
  for (size_t a = 0; a < d; a++)
    for (size_t b = 0; b < d; b++) {
      double sum = 0;
      for (size_t k = a; k < d; k++) sum += L[k * d + a] * product[k * d + b];
      m[a * d + b] = sum;
    }
  return distance - 2 * sum_root_eigenvalues(m, d);
}

// From the features of `found` to `real`, whose Cholesky factor is L; the spread over resampled images gives the interval.
static mote_status measure_frechet(const findings *found, const normal *real, const double *L, uint64_t seed,
                                   estimate *out, mote_error *error) {
  size_t d = real->width;
  double *numbers = malloc((d + 3 * d * d) * sizeof *numbers), *scratch = numbers + d + d * d;
  uint32_t *pick = malloc(found->count * sizeof *pick + 1);
  mote_status status =
      numbers && pick ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory to judge %u images", (unsigned)found->count);
  double spread[RESAMPLES];
  normal fitted = {d, numbers, numbers + d};
  for (uint32_t r = 0; r < RESAMPLES && !status; r++) {
    for (uint32_t i = 0; i < found->count; i++)
      pick[i] = (uint32_t)((uint64_t)philox((philox_block){{i, r, 0, STREAM_RESAMPLE}}, seed).words[0] * found->count >> 32);
    fit(found, pick, &fitted);
    spread[r] = frechet(real, L, &fitted, scratch);
  }
  if (!status) {
    // The mean of the resamples is too large, as each holds fewer images; their spread is that of the estimate.
    out->half_width = estimate_mean(spread, RESAMPLES).half_width * sqrt(RESAMPLES);
    fit(found, NULL, &fitted);
    out->mean = frechet(real, L, &fitted, scratch);
  }
  free(numbers);
  free(pick);
  return status;
}

static mote_status compare_features(const judge_desc *desc, const findings *samples, findings *held_out,
                                    judgement *result, mote_error *error) {
  size_t d = (size_t)mote_model_get_info(desc->classifier)->feature_count;
  double *numbers = malloc((d + 2 * d * d) * sizeof *numbers), *L = numbers + d + d * d;
  if (!numbers) return fail(error, MOTE_ERROR_MEMORY, "no memory to compare features");
  normal real = {d, numbers, numbers + d};
  findings train = {0};
  mote_status status = look_at(desc->classifier, desc->train->pixels, desc->train->count, &train, error);
  if (!status) {
    balance(&train, desc->train->labels);
    fit(&train, NULL, &real);
    cholesky(real.covariance, d, L);
    status = measure_frechet(samples, &real, L, desc->seed, &result->frechet, error);
  }
  balance(held_out, desc->held_out->labels);
  if (!status) status = measure_frechet(held_out, &real, L, desc->seed, &result->held_out_frechet, error);
  findings_finish(&train);
  free(numbers);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Public

static mote_status measure_accuracies(const judge_desc *desc, const findings *samples, const findings *held_out,
                                      judgement *result, mote_error *error) {
  uint32_t most = samples->count > held_out->count ? samples->count : held_out->count;
  int classes = result->classes, *asked = malloc(most * sizeof *asked + 1);
  double *scratch = malloc(most * sizeof *scratch + 1);
  mote_status status = asked && scratch ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory to judge %u images", most);
  for (uint32_t i = 0; i < samples->count && !status; i++) asked[i] = (int)i % classes;
  for (int k = -1; k < classes && !status; k++) {
    estimate sample = accuracy_of(samples, asked, k, scratch);
    estimate held = accuracy_of(held_out, desc->held_out->labels, k, scratch);
    *(k < 0 ? &result->accuracy : &result->class_accuracy[k]) = sample;
    *(k < 0 ? &result->held_out_accuracy : &result->held_out_class_accuracy[k]) = held;
  }
  free(asked);
  free(scratch);
  return status;
}

mote_status judge(const judge_desc *desc, judgement *result, mote_error *error) {
  *result = (judgement){.classes = desc->train->class_count};
  findings samples = {0}, held_out = {0};
  mote_status status = look_at(desc->classifier, desc->samples, (uint32_t)desc->count, &samples, error);
  if (!status) status = look_at(desc->classifier, desc->held_out->pixels, desc->held_out->count, &held_out, error);
  if (!status) status = measure_accuracies(desc, &samples, &held_out, result, error);
  if (!status) status = compare_features(desc, &samples, &held_out, result, error);
  findings_finish(&samples);
  findings_finish(&held_out);
  return status;
}

// estimate.c: a mean with its confidence interval.
#include "tools/measure/estimate.h"

#include <math.h>

estimate estimate_mean(const double *values, size_t count) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  double mean = count ? sum / (double)count : 0;
  for (size_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
  double variance = count > 1 ? squares / (double)(count - 1) : 0;
  return (estimate){mean, count ? 1.96 * sqrt(variance / (double)count) : 0};
}

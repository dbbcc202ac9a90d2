// estimate.h: a mean with its confidence interval.
#ifndef MOTE_TOOLS_MEASURE_ESTIMATE_H
#define MOTE_TOOLS_MEASURE_ESTIMATE_H

#include <stddef.h>

// A mean, and half the width of its 95 % confidence interval: 1.96 standard errors.
typedef struct estimate {
  double mean, half_width;
} estimate;

// Of `count` independent values; the half width of one alone, and of none, is 0.
estimate estimate_mean(const double *values, size_t count);

#endif

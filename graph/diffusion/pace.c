// pace.c: deals a frame's budget out to samplers.
#include "graph/diffusion/pace.h"

#include <math.h>

void pace_follow(double *expected, double measured) {
  *expected = measured > *expected ? measured : *expected + (measured - *expected) / 8;
}

// What is left after the runs that began; 0 where what one of them costs is not known.
static double after_beginnings(pace *const *paces, size_t count, double budget, bool *began) {
  for (size_t i = 0; i < count; i++) {
    if (!paces[i]->began) continue;
    *began = true;
    budget = paces[i]->begin_time > 0 && budget > paces[i]->begin_time ? budget - paces[i]->begin_time : 0;
  }
  return budget;
}

// Who takes the next step, NULL: nobody can. A step of unknown cost takes all that is left.
static pace *next(pace *const *paces, size_t count, double left, bool fits_always) {
  pace *found = NULL;
  for (size_t i = 0; i < count; i++) {
    pace *pace = paces[i];
    bool fits = fits_always || (pace->step_time > 0 ? pace->step_time <= left : left > 0);
    if (pace->steps < pace->most && fits && (!found || pace->served < found->served)) found = pace;
  }
  return found;
}

static void deal_steps(pace *const *paces, size_t count, double budget) {
  bool began = false;
  double left = after_beginnings(paces, count, budget, &began), slack = 1e-9 * budget;  // of rounding
  pace *pace = next(paces, count, left, !began);
  while (pace) {
    double cost = pace->step_time > 0 ? pace->step_time : left;
    pace->steps++;
    pace->served += cost;
    left = cost < left + slack ? left - cost + slack : 0;
    pace = left > slack ? next(paces, count, left, false) : NULL;
  }
}

// Who takes no part comes back as one that was dealt the least.
static void settle(pace *const *paces, size_t count) {
  double least = HUGE_VAL;
  for (size_t i = 0; i < count; i++)
    if (paces[i]->most && paces[i]->served < least) least = paces[i]->served;
  for (size_t i = 0; i < count; i++) {
    paces[i]->served = paces[i]->most ? paces[i]->served - least : 0;
    paces[i]->began = false;
  }
}

void pace_deal(pace *const *paces, size_t count, double budget) {
  bool all = budget < 0 || isinf(budget);
  for (size_t i = 0; i < count; i++) paces[i]->steps = all ? paces[i]->most : 0;
  if (!all && budget > 0) deal_steps(paces, count, budget);
  settle(paces, count);
}

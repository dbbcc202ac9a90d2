// pace.h: how many steps of which sampler a frame gets.
#ifndef MOTE_GRAPH_DIFFUSION_PACE_H
#define MOTE_GRAPH_DIFFUSION_PACE_H

#include <stdbool.h>
#include <stddef.h>

// What is known of one sampler's recording. Times are expected microseconds, 0: not known yet.
typedef struct pace {
  double step_time, begin_time;
  bool began;       // a run, since the last steps were dealt: it counts against the budget
  double served;    // microseconds that it was dealt beyond the one that was dealt the least
  int most;         // steps that it could take now
  int steps;        // dealt
} pace;

// Time that was measured: rises at once, so that a frame does not pay twice for what it could not foresee; falls slowly.
void pace_follow(double *expected, double measured);

// Deals `budget` microseconds out: below 0 all that could be taken, at 0 nothing. Else each next step goes to the one that was
// dealt the least time, now and before, among those whose step fits. The first fits always, unless a run began.
void pace_deal(pace *const *paces, size_t count, double budget);

#endif

// evaluate.h: how good is a model? Its loss by noise level on images that it learned from and on others, how near its
// samples lie to what it learned from, and what a classifier makes of them.
#ifndef MOTE_TOOLS_MEASURE_EVALUATE_H
#define MOTE_TOOLS_MEASURE_EVALUATE_H

#include "mote.h"
#include "tools/data/dataset.h"
#include "tools/measure/judge.h"

enum { EVALUATE_LEVELS = 10 };

typedef struct evaluate_desc {
  mote_model *model;
  const char *name;                 // of the model, for messages
  mote_model *classifier;           // that fits the images, or NULL
  const dataset *train, *held_out;  // colours as the model makes them; held_out not empty
  mote_sampler_desc sampler;        // how to sample; model and batch are filled in
  int samples;                      // 1 or more, classes dealt out in turn
  uint64_t seed;                    // of the noise
  bool json;                        // how to show progress
} evaluate_desc;

typedef struct evaluate_loss {
  uint32_t images;
  estimate level[EVALUATE_LEVELS];  // mean squared error of what the network predicts, at level_timestep()
  estimate all;                     // over all levels
} evaluate_loss;

// Distances are root mean squares over an image's values, 0 to 255, to the nearest training image or its mirror image.
typedef struct evaluation {
  evaluate_loss held_out, train;     // train: as many images as held out, spread over all
  int samples;
  double sample_distance;            // median
  double held_out_distance;          // median of the held-out images
  estimate copies;                   // part of the samples that are nearer than 19 of 20 held-out images
  bool judged;                       // by a classifier:
  judgement judgement;
  int steps;
  double seconds;
  bool interrupted;                  // by Ctrl-C: nothing else is valid
} evaluation;

// The timestep in the middle of each tenth of 1 to T.
int level_timestep(int timesteps, int level);

// MOTE_ERROR_DEVICE where the model's loss is not finite.
mote_status evaluate(const evaluate_desc *desc, evaluation *result, mote_error *error);

#endif

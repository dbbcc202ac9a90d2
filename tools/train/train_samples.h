// train_samples.h: the sample grids of a training run: averaged weights, always the same seed.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_SAMPLES_H
#define MOTE_TOOLS_TRAIN_TRAIN_SAMPLES_H

#include <stdint.h>

#include "mote.h"

typedef struct train_samples {
  mote_sampler *sampler;  // made with the first grid; of a model that the trainer owns
  float *contexts;        // rows × columns × n_cfeat, and a batch more
  uint8_t *pixels;        // rows × columns images, and a batch more
  int rows, columns;      // a row a class
  int batch;              // images at once
} train_samples;

// Images of a grid of such a model.
int train_samples_count(const mote_model_info *model);

// Draws a grid with the trainer's averaged weights and writes it to `path`. Start with all zeros. After Ctrl-C it
// returns early and writes nothing.
mote_status train_samples_write(train_samples *samples, mote_trainer *trainer, uint64_t seed, const char *path,
                                mote_error *error);

// Due before the trainer goes.
void train_samples_finish(train_samples *samples);

#endif

// plot.h: draws the losses of a training run as a picture.
#ifndef MOTE_TOOLS_TRAIN_PLOT_H
#define MOTE_TOOLS_TRAIN_PLOT_H

#include "tools/images/image.h"

typedef struct plot_point {
  double step;
  double loss;      // NaN: none
  double val_loss;  // NaN: none
} plot_point;

// Steps to the right, losses upwards on a logarithmic axis: every loss pale, their moving average dark, validation
// losses as dots. Without a positive loss the axes alone.
mote_status plot_losses(image *picture, const plot_point *points, size_t count, mote_error *error);

#endif

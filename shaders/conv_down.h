// conv_down.h: parameters and constants of conv_down.comp, conv_down_weight_gradient.comp and their kernels for CPU drivers.
#include "shaders/types.h"

#define CONV_DOWN_BACK 0  // 1: the gradient of x, made from that of y
#define CONV_DOWN_BIAS 1  // 1: there is a bias

#define CONV_DOWN_TAPS 9  // of its 3×3 kernel

// Of a weight's gradient, x is what is read and dy counts as what is made.
struct conv_down_parameters {
  uint batch;
  uint height;      // of the images that are read
  uint width;
  uint quads;       // channels / 4 of these
  uint out_height;  // of the images that are made
  uint out_width;
  uint out_blocks;  // channels / 8 of these
  uint padding;     // rows and columns of zeros before the image: 1 or 0
};

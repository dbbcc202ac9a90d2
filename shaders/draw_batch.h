// draw_batch.h: parameters of draw_batch.comp, and the rows of its noise table.
#include "shaders/types.h"

// One row a timestep 0 … T.
#define NOISE_SIGNAL 0  // √ᾱ_t
#define NOISE_NOISE 1   // √(1 - ᾱ_t)
#define NOISE_WEIGHT 2  // of the squared error
#define NOISE_TIME 3    // t / T
#define NOISE_WORDS 4

struct draw_batch_parameters {
  uint batch;
  uint channels;
  uint height;
  uint width;
  uint contexts;      // K
  uint count;         // images in the data
  uint slots;         // of images that the host puts there as they are drawn; 0: all are there
  uint step_draws;    // images of one training step
  uint timesteps;     // T
  uint target;        // what the model predicts: 0 epsilon, 1 v, 2 x_0, 3 epsilon - x_0
  uint shift;         // pixels
  uint apart;         // attributes are dropped apart too; 0: the context as a whole alone
  float context_drop; // probabilities
  float flip;
};

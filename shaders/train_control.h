// train_control.h: parameters and constants of train_control.comp.
#include "shaders/types.h"

#define TRAIN_CONTROL_LANES 0  // invocations of the workgroup

struct train_control_parameters {
  uint pieces;         // sums of squares of the gradients
  uint weight_pieces;  // and of the weights and statistics
  uint schedule;       // of the learning rate: 0 cosine, 1 linear, 2 constant
  uint warmup;         // steps
  float learning_rate;
  float weight_decay;
  float ema;
  float clip;          // 0: none
  float beta1;
  float beta2;
};

// train_control.h: parameters and constants of train_control.comp.
#include "shaders/types.h"

#define TRAIN_CONTROL_LANES 0      // constant: invocations of a workgroup
#define TRAIN_CONTROL_QUADS 1024u  // vec4s of a piece

struct train_control_parameters {
  uint gradient_quads;  // vec4s of all gradients
  uint weight_quads;    // and of all weights and statistics
  uint schedule;        // of the learning rate: 0 cosine, 1 linear, 2 constant
  uint warmup;          // steps
  float learning_rate;
  float weight_decay;
  float ema;
  float clip;           // 0: none
  float beta1;
  float beta2;
  uint loss_parts;      // numbers that the loss is the sum of
  float loss_share;     // and its factor
};

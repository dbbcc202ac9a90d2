// train_state.h: what changes from training step to training step, in one small buffer on the device.
#include "shaders/types.h"

// Words of the state that a checkpoint keeps.
#define TRAIN_STEPS 0        // optimiser steps done
#define TRAIN_SEED_LOW 1
#define TRAIN_SEED_HIGH 2
#define TRAIN_TOTAL_STEPS 3  // where the learning-rate schedule ends; the host may move it
#define TRAIN_FAILED 4       // 1 + the first step whose loss was not finite; 0: none
#define TRAIN_BETA1_POWER 5  // float: beta1 to the power of steps done
#define TRAIN_BETA2_POWER 6
#define TRAIN_BATCH 7        // batches of this step whose gradients are there; 0 between steps
// Floats that one kernel of a step hands to another.
#define TRAIN_RATE 8         // learning rate, divided by 1 - beta1^t
#define TRAIN_DECAY 9        // 1 - learning rate · weight decay
#define TRAIN_ROOT 10        // 1 / sqrt(1 - beta2^t)
#define TRAIN_EMA 11         // decay of the average in this step
#define TRAIN_CLIP 12        // factor on the gradient
#define TRAIN_NORM 13        // of the gradient before clipping
#define TRAIN_SKIP 14        // uint, 1: the step changes nothing
#define TRAIN_ARRIVED 15     // uint: workgroups of a dispatch that are done, where the last one goes on; 0 between dispatches
#define TRAIN_WORDS 16

#define TRAIN_LEVELS 6       // sums over batches of a step that may wait for another: enough for 64 batches
#define TRAIN_RING 1024      // losses kept for the host, by step modulo this

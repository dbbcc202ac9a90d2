// training.h: what a trainer is made of: what its parts and its objectives share.
#ifndef MOTE_GRAPH_DIFFUSION_TRAINING_H
#define MOTE_GRAPH_DIFFUSION_TRAINING_H

#include "graph/compile/program.h"
#include "graph/nets/model.h"
#include "shaders/train_state.h"

typedef struct objective objective;  // objective.h

// The flat buffers, all in the layout of `parameters`. The gradient stage ends in one of them, the exchange: gradients of what is
// learned, where running statistics lie those of the batch, and after these the parts of its loss. All others are written by the update stage alone.
enum { FLAT_WEIGHTS, FLAT_EXCHANGE, FLAT_FIRST, FLAT_SECOND, FLAT_AVERAGE, FLAT_COUNT };

enum { OBJECTIVE_INPUTS = 4, TRAINER_MOST_BATCHES = 1 << TRAIN_LEVELS };

struct mote_trainer {
  mote_device *device;
  mote_trainer_desc desc;  // without zeros for defaults; pointers into the caller's data are cleared
  mote_model_info info;
  parameters parameters;
  buffer *flat[FLAT_COUNT];
  buffer *levels[TRAIN_LEVELS];          // sums of exchanges, where a step has several batches
  stage step[TRAINER_MOST_BATCHES + 1];  // stages of a step
  program *program;
  tensor *pixels, *contexts, *begins, *noise, *state, *ring;  // inputs of the program
  const objective *objective;
  tensor *own[OBJECTIVE_INPUTS];  // the objective's own inputs of the program, which it numbers itself
  uint64_t steps_done;
  buffer *readback;   // state and ring for mote_trainer_collect; NULL unless desc.recorded
  uint64_t collected; // steps whose losses were handed out
  mote_model *model;  // averaged weights, made at the first call of mote_trainer_get_model
  // Where images stay on the host: places on the device for those that are drawn next.
  struct {
    uint32_t slots;             // a power of two; 0: all images lie on the device
    buffer *pixels, *contexts;  // of so many
    const uint8_t *images;      // all: the caller's, or `copy`
    uint8_t *copy;
    float *all_contexts;        // times context_weights
    stage *stages;              // of a submission
  } drawn;
  int sampled;            // images at once for which a sampler finds room
  uint64_t later_bytes;   // of mote_trainer_info
  // Held-out images, already noised: NCHW rows, made when the trainer is.
  struct {
    uint32_t count, at_once;
    float *x, *target, *context, *weight;
    int32_t *steps;
  } validation;
  float context_weights[MOTE_MAX_CONTEXT];  // by which contexts count in the loss
};

#endif

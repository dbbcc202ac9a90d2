// objective.h: what a trainer learns: a record, from which everything else follows. objective.c lists those that mote has.
#ifndef MOTE_GRAPH_DIFFUSION_OBJECTIVE_H
#define MOTE_GRAPH_DIFFUSION_OBJECTIVE_H

#include "graph/diffusion/training.h"
#include "graph/ops/ops.h"

// What one batch adds to the graph: the network's output, the loss by it, and the loss itself. NULL: something failed, and the
// graph has the message.
typedef struct objective_loss {
  tensor *y, *dy, *loss;
} objective_loss;

struct objective {
  const char *name;
  bool (*serves)(const mote_trainer_desc *desc);  // the first of the list that does is the one that `desc` asks for

  // Completes what `desc` leaves out and what the model will say of itself; general defaults are there by then.
  void (*complete)(mote_trainer_desc *desc);
  // Refuses what it cannot learn from; NULL: whatever passes the general checks.
  mote_status (*check)(const mote_trainer_desc *desc, mote_error *error);

  // Rows of the table of noise that batches draw from, and the timesteps[1 … count] that they stand for. `fill` also writes the
  // objective's own inputs, whose tensors `add_inputs` made in trainer->own; NULL: it has none.
  int (*level_count)(const mote_trainer_desc *desc);
  void (*add_inputs)(mote_trainer *trainer, graph *graph);
  mote_status (*fill)(mote_trainer *trainer, int *timesteps, mote_error *error);

  // Appends the network to a drawn batch, and the loss of what it makes of that times `share`.
  objective_loss (*append)(mote_trainer *trainer, graph *graph, const draw_batch_tensors *batch, float share);
  // Gives the parameters of further networks their homes; NULL: there are none.
  mote_status (*bind)(const mote_trainer *trainer, graph *graph, mote_error *error);

  // By what each context of the data counts, n_cfeat numbers that are 1; NULL: by 1.
  void (*weigh)(const mote_trainer *trainer, const mote_dataset *data, float *weights);

  // The timestep that held-out image i of `count` is noised to, and the sum of the losses of `batch` of them from `first` on by
  // `model`. NULL: `check` allows no held-out images.
  int (*held_out_timestep)(const mote_model_info *model, uint32_t i, uint32_t count);
  mote_status (*judge)(const mote_trainer *trainer, mote_model *model, uint32_t first, uint32_t batch, double *sum,
                       mote_error *error);
};

extern const objective denoise_objective, classify_objective, distill_objective;

// The one that `desc` asks for.
const objective *objective_of(const mote_trainer_desc *desc);

#endif

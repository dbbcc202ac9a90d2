// objective.c: lists what a trainer can learn. To add an objective: a file with its record, and a row here, before those that
// would serve what it serves.
#include "graph/diffusion/objective.h"

static const objective *const objectives[] = {&distill_objective, &classify_objective, &denoise_objective};

const objective *objective_of(const mote_trainer_desc *desc) {
  int i = 0;
  while (!objectives[i]->serves(desc)) i++;  // the last serves all
  return objectives[i];
}

// sample_inputs.h: the contexts and the starting noise of a run, an entry for every image.
#ifndef MOTE_TOOLS_SAMPLE_SAMPLE_INPUTS_H
#define MOTE_TOOLS_SAMPLE_SAMPLE_INPUTS_H

#include "mote.h"
#include "tools/data/tensor.h"
#include "tools/sample/sample_edit.h"
#include "tools/sample/sample_options.h"

typedef struct sample_inputs {
  tensor context_npy, x_init;  // files as read; all zeros where the option was not given
  sample_edit edit;            // what --init and --mask name
  int count;                   // images of the run
  float *contexts;             // count × n_cfeat, or NULL for none
  float *avoid;                // the same of --avoid
  float *noise;                // rows of --x-init, or NULL
  const float *x;              // of `noise`: count × channels × height × width, or NULL
} sample_inputs;

// Reads the files and settles the count. Needs no model yet, so that a wrong name shows at once.
mote_status sample_inputs_init(sample_inputs *inputs, const sample_options *options, mote_error *error);
void sample_inputs_finish(sample_inputs *inputs);

// Checks the inputs against the model and deals the contexts out: image i gets number i modulo how many there are,
// counted from the start of the run and not from --first.
mote_status sample_inputs_fit(sample_inputs *inputs, const sample_options *options, const mote_model_info *model,
                              mote_error *error);

// --strength or its default; 0 without --init.
double sample_inputs_strength(const sample_options *options);

#endif

// train_written.h: which models a run wrote, so that going on replaces no other that stands in their place.
//
// Their digests stand in the run's written.json: that of a model before it is written, and of the one before it, so that they
// are told whenever a run is killed.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_WRITTEN_H
#define MOTE_TOOLS_TRAIN_TRAIN_WRITTEN_H

#include "tools/train/train_paths.h"

// A run begins: what may stand at `output` is what it was told to replace.
mote_status train_written_begin(const train_paths *paths, const char *output, mote_error *error);

// MOTE_ERROR_FILE where a model stands at `output` that the run did not write. Runs of older versions do not know: it is said.
mote_status train_written_check(const train_paths *paths, const char *output, mote_error *error);

// Writes the trainer's weights to `output`.
mote_status train_written_save(const train_paths *paths, mote_trainer *trainer, const char *output, bool half, mote_error *error);

#endif

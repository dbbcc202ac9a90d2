// sample_output.h: writes what a run made: all files, or on failure none.
#ifndef MOTE_TOOLS_SAMPLE_SAMPLE_OUTPUT_H
#define MOTE_TOOLS_SAMPLE_SAMPLE_OUTPUT_H

#include "mote.h"
#include "tools/sample/sample_options.h"
#include "tools/sample/sample_run.h"

// Before the work: can every file be written, does none replace another one or an input, is --palette's file one, and are
// grid and frames of `count` images of a size their formats take?
mote_status sample_output_check_paths(const sample_options *options, int count, mote_error *error);
mote_status sample_output_check_sizes(const sample_options *options, const mote_model_info *model, int count,
                                      mote_error *error);

// Writes the images that the run began, and shows them with --preview. With --palette it changes run->pixels.
mote_status sample_output_write(const sample_options *options, const mote_model_info *model, sample_run *run,
                                mote_error *error);

#endif

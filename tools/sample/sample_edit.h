// sample_edit.h: the images and the mask that a run starts from, an entry for every image.
#ifndef MOTE_TOOLS_SAMPLE_SAMPLE_EDIT_H
#define MOTE_TOOLS_SAMPLE_SAMPLE_EDIT_H

#include "mote.h"
#include "tools/data/tensor.h"
#include "tools/images/image.h"
#include "tools/sample/sample_options.h"

typedef struct sample_edit {
  image *pictures;  // of --init, as read: RGBA
  int picture_count;
  tensor npy;  // of --init, instead
  image mask_picture;
  uint8_t background[3];
  float *init;  // count × channels × height × width in [-1, 1], or NULL without --init
  float *mask;  // count × height × width, 1 where the image is made anew, or NULL without --mask
} sample_edit;

// Reads the files; on failure there is nothing to finish.
mote_status sample_edit_init(sample_edit *edit, const sample_options *options, mote_error *error);
void sample_edit_finish(sample_edit *edit);

// How many images --init brought.
uint64_t sample_edit_rows(const sample_edit *edit);

// Checks sizes against the model and deals the images out: image i gets number i modulo how many there are, counted
// from the start of the run.
mote_status sample_edit_fit(sample_edit *edit, const sample_options *options, const mote_model_info *model, int count,
                            mote_error *error);

#endif

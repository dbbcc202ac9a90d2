// slices.h: parts of a kernel that sums over a batch and then uses the sums. GPUs need more workgroups than there are
// channels: each sums a slice of the images in one dispatch, and in a second one adds up the slices' sums for itself.
#ifndef MOTE_SHADERS_SLICES_H
#define MOTE_SHADERS_SLICES_H

#define PART_WHOLE 0   // one slice, one dispatch: sums and results
#define PART_SUMS 1    // the slices' sums
#define PART_RESULT 2  // the results, of them

#endif

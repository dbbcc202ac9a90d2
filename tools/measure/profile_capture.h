// profile_capture.h: one warm step of a sampler or trainer as a RenderDoc capture.
#ifndef MOTE_TOOLS_MEASURE_PROFILE_CAPTURE_H
#define MOTE_TOOLS_MEASURE_PROFILE_CAPTURE_H

#include "graph/measure/profile.h"
#include "tools/measure/renderdoc.h"

// Runs a step, then the same again (training: the next) as one submission in one captured frame, which
// renderdoc_keep gives the name `path`. `renderdoc` was there before the device was made.
mote_status profile_capture(renderdoc *renderdoc, const profile_subject *subject, const char *path, mote_error *error);

// Writes what the captured step made, to hold a replay against: the images of a sampler (N, C, H, W), the loss of a
// trainer (1).
mote_status profile_capture_write(const profile_subject *subject, const char *path, mote_error *error);

#endif

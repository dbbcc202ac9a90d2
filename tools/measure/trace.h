// trace.h: writes a profiled step in the Trace Event Format, which chrome://tracing and Perfetto open.
#ifndef MOTE_TOOLS_MEASURE_TRACE_H
#define MOTE_TOOLS_MEASURE_TRACE_H

#include "graph/measure/profile.h"

// One event `name` around all, one a folder of the layers' paths, one a dispatch; microseconds from the first dispatch.
mote_status trace_write(const char *path, const profile *profile, const char *name, mote_error *error);

#endif

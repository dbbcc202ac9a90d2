// profile_compare.h: compares two outputs of `mote profile --json`, layer by layer.
#ifndef MOTE_TOOLS_MEASURE_PROFILE_COMPARE_H
#define MOTE_TOOLS_MEASURE_PROFILE_COMPARE_H

#include <stdbool.h>

#include "mote.h"

// Prints every layer of either file, the largest difference first, and the totals, as a table or as lines of JSON.
// MOTE_ERROR_FILE when a file cannot be read, MOTE_ERROR_FORMAT when it is not such an output, or the two are of
// different steps; then nothing is printed.
mote_status profile_compare(const char *path_a, const char *path_b, bool json, mote_error *error);

#endif

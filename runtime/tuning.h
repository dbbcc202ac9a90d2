// tuning.h: which of several kernels was the fastest for a piece of work: kept by the device, and in the cache folder between
// runs.
#ifndef MOTE_RUNTIME_TUNING_H
#define MOTE_RUNTIME_TUNING_H

#include "runtime/runtime.h"

// How far to look for faster kernels.
mote_tune device_tunes(const mote_device *device);

// What is remembered for the work that `key` stands for; -1: nothing.
int tuning_find(const mote_device *device, uint64_t key);

// Remembers a choice, 0 or more, from here on and, where there is a cache folder, for later runs. `about` is for people who
// read the file.
mote_status tuning_keep(mote_device *device, uint64_t key, int choice, const char *about, mote_error *error);

#endif

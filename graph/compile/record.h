// record.h: launches into command buffers.
#ifndef MOTE_GRAPH_COMPILE_RECORD_H
#define MOTE_GRAPH_COMPILE_RECORD_H

#include "graph/kernels/launch.h"

// Appends the dispatch of a launch; makes its kernel if the device does not have it. `homes`, by binding number, say where its
// tensors lie; NULL: at homes of their own.
mote_status record_launch(mote_device *device, commands *commands, const launch_entry *entry, const binding *homes,
                          mote_error *error);

#endif

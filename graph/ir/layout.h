// layout.h: moves values between the row-major order of files and the layouts of device memory.
#ifndef MOTE_GRAPH_IR_LAYOUT_H
#define MOTE_GRAPH_IR_LAYOUT_H

#include "graph/ir/graph.h"

// `rows` has tensor_elements(tensor) floats in row-major order, or is NULL for zeros, `device` tensor_bytes(tensor) bytes; padding
// becomes 0.
void layout_pack(const tensor *tensor, const float *rows, float *device);

// The other way round; padding is dropped.
void layout_unpack(const tensor *tensor, const float *device, float *rows);

#endif

// choose.h: finds the fastest of the kernels that a program could take.
#ifndef MOTE_GRAPH_COMPILE_CHOOSE_H
#define MOTE_GRAPH_COMPILE_CHOOSE_H

#include "graph/compile/program.h"

// Times, on the program's own memory, what each dispatch with several candidates could be, and chooses the fastest that computes
// what the first does: the same bits, or with MOTE_TUNE_FULL the same but for rounding. The device remembers it. With
// MOTE_TUNE_FAST it ends after some seconds; what it did not come to keeps its first kernel and is looked at by the next
// program. The contents of the program's memory are lost.
mote_status tune(program *program, mote_error *error);

#endif

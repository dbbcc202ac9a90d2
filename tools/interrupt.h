// interrupt.h: turns the first Ctrl-C (or SIGTERM) into a flag, so that work can end at a step boundary.
#ifndef MOTE_TOOLS_INTERRUPT_H
#define MOTE_TOOLS_INTERRUPT_H

#include <stdbool.h>

// From here on the first signal only sets the flag; the second ends the program as if this had not been called.
// A signal that the parent has set to be ignored (nohup, a shell's background job) stays ignored.
void interrupt_watch(void);

bool interrupt_seen(void);

#endif

// interrupt.h: turns the first signal that asks the program to end into a flag, so that work can end at a step boundary.
#ifndef MOTE_TOOLS_INTERRUPT_H
#define MOTE_TOOLS_INTERRUPT_H

#include <stdbool.h>

// From here on the first SIGINT (Ctrl-C), SIGTERM, SIGQUIT, SIGHUP (a terminal that closes) or SIGXCPU only sets the flag. A
// further SIGINT, SIGTERM or SIGQUIT ends the program as if this had not been called.
// A signal that the parent has set to be ignored (nohup, a shell's background job) stays ignored.
void interrupt_watch(void);

bool interrupt_seen(void);

// Writing to a pipe without a reader, or beyond the largest file allowed, fails as on a full disk from here on, instead of ending
// the program by SIGPIPE or SIGXFSZ with its work unsaved.
void interrupt_ignore_failed_writes(void);

#endif

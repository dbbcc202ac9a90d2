// progress.h: shows how far a long job is: a bar on a terminal, a line now and then elsewhere, JSON when asked for.
#ifndef MOTE_TOOLS_PROGRESS_H
#define MOTE_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress_desc {
  const char *verb;     // "sampling"
  const char *unit;     // what comes out at the end, in the plural: "images"
  uint64_t unit_count;  // how many of them
  uint64_t total;       // pieces of work, each the same share of the time
  bool json;            // one object a line on stdout instead of stderr's bar or lines
} progress_desc;

typedef struct progress {
  progress_desc desc;
  bool terminal;   // stderr is one
  double started;  // seconds, monotonic
  // When the first update came, and what was done then: what comes before is slower (pipelines are compiled) and says nothing
  // about the time left. 0: there was none yet.
  double first_time;
  uint64_t first_done;
  double printed;  // when a line was last printed; 0: never
  bool bar_open;   // the terminal's cursor stands after a bar
} progress;

// Seconds of a clock that only goes forward.
double seconds_now(void);

void progress_init(progress *progress, const progress_desc *desc);

// `done` of desc.total pieces are done. May be called often: the terminal and JSON show every call, other outputs a
// line every few seconds.
void progress_update(progress *progress, uint64_t done);

// Ends the bar, so that the next message starts on a line of its own. May be called twice.
void progress_finish(progress *progress);

// H:MM:SS or M:SS, or 0.42 s when short.
void format_seconds(double seconds, char *text, unsigned bytes);

#endif

// progress.c: shows how far a long job is: a bar on a terminal, a line now and then elsewhere, JSON when asked for.
#include "tools/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/options.h"

#define LINE_SECONDS 5.0  // between two lines where there is no terminal
#define BAR_WIDTH 24

double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void format_seconds(double seconds, char *text, unsigned bytes) {
  if (seconds < 10) {
    snprintf(text, bytes, "%.2f s", seconds);
    return;
  }
  uint64_t whole = seconds < 1e9 ? (uint64_t)seconds : (uint64_t)1e9;
  if (whole < 3600)
    snprintf(text, bytes, "%" PRIu64 ":%02" PRIu64, whole / 60, whole % 60);
  else
    snprintf(text, bytes, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, whole / 3600, whole / 60 % 60, whole % 60);
}

void progress_init(progress *p, const progress_desc *desc) {
  *p = (progress){.desc = *desc, .terminal = isatty(STDERR_FILENO) != 0, .started = seconds_now()};
  p->printed = p->started;
}

static void print_json(const progress *p, uint64_t done, double elapsed, double remaining) {
  printf("{\"event\":\"progress\",\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"seconds\":%.3f,", done, p->desc.total,
         elapsed);
  if (remaining >= 0)
    printf("\"remaining_seconds\":%.3f}\n", remaining);
  else
    printf("\"remaining_seconds\":null}\n");
  fflush(stdout);
}

// Seconds for one piece of work, by those after the first update; 0: not known yet.
static double piece_seconds(const progress *p, uint64_t done, double now) {
  return done > p->first_done ? (now - p->first_time) / (double)(done - p->first_done) : 0;
}

// The rest of a line: `48 %, 31.2 images/s, 0:12 left`.
static void describe(const progress *p, uint64_t done, double piece, double remaining, char *text, size_t bytes) {
  char left[32] = "?";
  if (remaining >= 0) format_seconds(remaining, left, sizeof left);
  double share = (double)done / (double)p->desc.total;
  if (piece > 0)
    snprintf(text, bytes, "%3d %%, %.3g %s/s, %s left", (int)(100 * share),
             (double)p->desc.unit_count / (double)p->desc.total / piece, p->desc.unit, left);
  else
    snprintf(text, bytes, "%3d %%", (int)(100 * share));
}

static void print_bar(progress *p, uint64_t done, const char *description) {
  char bar[BAR_WIDTH + 1];
  int filled = (int)(done * BAR_WIDTH / p->desc.total);
  for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '#' : '.';
  bar[BAR_WIDTH] = 0;
  // ESC [K clears what a longer line before may have left.
  fprintf(stderr, "\r%s %" PRIu64 " %s [%s] %s\033[K", p->desc.verb, p->desc.unit_count, p->desc.unit, bar,
          description);
  fflush(stderr);
  p->bar_open = true;
}

void progress_update(progress *p, uint64_t done) {
  double now = seconds_now(), elapsed = now - p->started;
  if (!p->first_done) {
    p->first_done = done;
    p->first_time = now;
  }
  double piece = piece_seconds(p, done, now);
  double remaining = done == p->desc.total ? 0 : piece > 0 ? piece * (double)(p->desc.total - done) : -1;
  if (p->desc.json) {
    print_json(p, done, elapsed, remaining);
    return;
  }
  char description[96];
  describe(p, done, piece, remaining, description, sizeof description);
  if (p->terminal) {
    print_bar(p, done, description);
  } else if (now - p->printed >= LINE_SECONDS) {
    say("%s %" PRIu64 " %s: %s", p->desc.verb, p->desc.unit_count, p->desc.unit, description);
    p->printed = now;
  }
}

void progress_finish(progress *p) {
  if (p->bar_open) fputc('\n', stderr);
  p->bar_open = false;
}

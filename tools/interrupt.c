// interrupt.c: turns the first Ctrl-C (or SIGTERM) into a flag, so that work can end at a step boundary.
#include "tools/interrupt.h"

#include <signal.h>

// A signal handler has nothing but a global to leave word in.
static volatile sig_atomic_t seen;

static const int watched[] = {SIGINT, SIGTERM};
#define WATCHED_COUNT (sizeof watched / sizeof watched[0])

static void note_signal(int number) {
  (void)number;
  seen = 1;
  for (unsigned i = 0; i < WATCHED_COUNT; i++) signal(watched[i], SIG_DFL);
}

void interrupt_watch(void) {
  // Both wait while the handler runs, so that two signals at once are a first and a second.
  sigset_t both;
  sigemptyset(&both);
  for (unsigned i = 0; i < WATCHED_COUNT; i++) sigaddset(&both, watched[i]);
  for (unsigned i = 0; i < WATCHED_COUNT; i++) {
    struct sigaction action;
    if (sigaction(watched[i], NULL, &action) || action.sa_handler == SIG_IGN) continue;
    action = (struct sigaction){.sa_handler = note_signal, .sa_mask = both, .sa_flags = SA_RESTART};
    sigaction(watched[i], &action, NULL);
  }
}

bool interrupt_seen(void) { return seen != 0; }

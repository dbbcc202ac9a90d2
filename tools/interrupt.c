// interrupt.c: turns the first signal that asks the program to end into a flag, so that work can end at a step boundary.
#include "tools/interrupt.h"

#include <signal.h>
#include <stdatomic.h>

// A signal handler has nothing but a global to leave word in.
static volatile sig_atomic_t seen;
static atomic_flag noted = ATOMIC_FLAG_INIT;

// The first WANTED_COUNT are sent by someone who wants an end now: one more of them ends the program at once. The others come
// several times for one event, SIGHUP from the shell and from the kernel when a terminal closes, SIGXCPU every second.
static const int watched[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGXCPU};
enum { WATCHED_COUNT = sizeof watched / sizeof watched[0], WANTED_COUNT = 3 };

static bool is_wanted(int number) {
  for (int i = 0; i < WANTED_COUNT; i++)
    if (watched[i] == number) return true;
  return false;
}

static void note_signal(int number) {
  bool second = atomic_flag_test_and_set(&noted);
  seen = 1;
  for (int i = 0; i < WANTED_COUNT; i++) signal(watched[i], SIG_DFL);
  // Two signals at once can reach two threads, both before the line above: the later one waits until this handler returns.
  if (second && is_wanted(number)) raise(number);
}

void interrupt_watch(void) {
  // All wait while the handler runs, so that two signals at once are a first and a second.
  sigset_t all;
  sigemptyset(&all);
  for (int i = 0; i < WATCHED_COUNT; i++) sigaddset(&all, watched[i]);
  for (int i = 0; i < WATCHED_COUNT; i++) {
    struct sigaction action;
    if (sigaction(watched[i], NULL, &action) || action.sa_handler == SIG_IGN) continue;
    action = (struct sigaction){.sa_handler = note_signal, .sa_mask = all, .sa_flags = SA_RESTART};
    sigaction(watched[i], &action, NULL);
  }
}

bool interrupt_seen(void) { return seen != 0; }

void interrupt_ignore_failed_writes(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

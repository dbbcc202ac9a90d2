// test_progress.c: what is said about the time that is left.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support.h"
#include "tools/progress.h"

static void pause_milliseconds(long milliseconds) {
  nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

// The number after "remaining_seconds" of the last line printed to `file`; -1 for null.
static double last_remaining(FILE *file) {
  char line[256] = "";
  rewind(file);
  while (fgets(line, sizeof line, file)) continue;
  const char *at = strstr(line, "\"remaining_seconds\":");
  double remaining = -1;
  assert_non_null(at);
  if (sscanf(at, "\"remaining_seconds\":%lf", &remaining) != 1) assert_non_null(strstr(at, "null"));
  return remaining;
}

static void a_slow_beginning_does_not_count(void **state) {
  (void)state;
  FILE *lines = tmpfile();
  assert_non_null(lines);
  fflush(stdout);
  int kept = dup(STDOUT_FILENO);
  assert_true(dup2(fileno(lines), STDOUT_FILENO) >= 0);
  double started = seconds_now(), left[3];
  progress p;
  progress_init(&p, &(progress_desc){.verb = "sampling", .unit = "images", .unit_count = 1, .total = 100, .json = true});
  pause_milliseconds(400);
  progress_update(&p, 1);
  left[0] = last_remaining(lines);
  for (uint64_t done = 2; done <= 5; done++) {
    pause_milliseconds(5);
    progress_update(&p, done);
  }
  left[1] = last_remaining(lines);
  double average = (seconds_now() - started) / 5;
  progress_update(&p, 100);
  left[2] = last_remaining(lines);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  fclose(lines);
  assert_true(left[0] == -1);  // the first piece says nothing about the others
  assert_true(left[1] > 0 && left[1] < 0.7 * 95 * average);
  assert_true(left[2] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_slow_beginning_does_not_count)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

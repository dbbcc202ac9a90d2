// parallel.c: one thread a core for jobs that come in numbers.
#include "tools/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST_THREADS = 64 };

typedef struct jobs {
  void (*job)(void *data, uint32_t index);
  void *data;
  uint32_t count;
  atomic_uint next;
} jobs;

static void *work(void *argument) {
  jobs *jobs = argument;
  for (uint32_t i; (i = atomic_fetch_add(&jobs->next, 1)) < jobs->count;) jobs->job(jobs->data, i);
  return NULL;
}

void parallel_run(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count) {
  (void)user;
  jobs jobs = {.job = job, .data = data, .count = count};
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  uint32_t wanted = cores < 1 ? 1 : cores > MOST_THREADS ? MOST_THREADS : (uint32_t)cores, started = 0;
  pthread_t threads[MOST_THREADS];
  if (wanted > count) wanted = count;
  while (started + 1 < wanted && !pthread_create(&threads[started], NULL, work, &jobs)) started++;
  work(&jobs);
  for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

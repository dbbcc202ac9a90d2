// launch.c: a list of launches that grows.
#include "graph/kernels/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/views.h"

#include "runtime/list.h"
#include "shaders/uniform.h"

void spread(uint64_t invocations, uint32_t local, uint32_t groups[3]) {
  uint64_t needed = (invocations + local - 1) / local;
  uint64_t along_y = (needed + 65534) / 65535;
  groups[0] = (uint32_t)((needed + along_y - 1) / along_y);
  groups[1] = (uint32_t)along_y;
}

void launches_finish(launches *launches) {
  free(launches->entries);
  free(launches->copies);
  *launches = (struct launches){0};
}

static mote_status check_made(const launches *launches, const tensor *made, mote_error *error) {
  const graph *graph = launches->graph;
  return made ? MOTE_OK : fail(error, graph->status, "%s", graph->error.message);
}

mote_status launches_bind(const launches *launches, tensor *const *parts, int count, tensor **out, mote_error *error) {
  *out = share_whole(launches->graph, parts, count);
  return check_made(launches, *out, error);
}

mote_status launches_scratch(const launches *launches, int count, tensor **out, mote_error *error) {
  char name[NAME_BYTES];
  snprintf(name, sizeof name, "%.70s:%.15s scratch", launches->node->label, launches->node->op->name);
  *out = graph_activation(launches->graph, name, (shape){1, count, 1, 1}, ROLE_TABLE);
  return check_made(launches, *out, error);
}

mote_status launches_table(const launches *launches, int count, tensor **out, mote_error *error) {
  char name[NAME_BYTES];
  snprintf(name, sizeof name, "%.70s:%.15s table", launches->node->label, launches->node->op->name);
  *out = graph_table(launches->graph, name, count);
  return check_made(launches, *out, error);
}

static void count_groups(launch *launch) {
  for (int i = 0; i < 3; i++)
    if (launch->groups[i] == 0) launch->groups[i] = 1;
}

mote_status launches_add(launches *launches, const launch *launch, mote_error *error) {
  int count = launches->count;
  if (!LIST_ROOM(launches->entries, count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  static const uint digits[] = UNIFORM_VALUES;
  uint32_t push_bytes = launch->push_bytes + (launch->uniform ? (uint32_t)sizeof digits : 0);
  if (push_bytes > MAX_PUSH_BYTES)
    return fail(error, MOTE_ERROR_USAGE, "%s: %u bytes of push constants, at most %d", launch->shader, push_bytes, MAX_PUSH_BYTES);
  launch_entry *entry = &launches->entries[count];
  *entry = (launch_entry){.node = launches->node, .kernel = launches->kernel, .launch = *launch};
  count_groups(&entry->launch);
  entry->launch.push_bytes = push_bytes;
  if (launch->push_bytes) memcpy(entry->push, launch->push, launch->push_bytes);
  if (launch->uniform) memcpy(entry->push + launch->push_bytes, digits, sizeof digits);
  launches->count++;
  return MOTE_OK;
}

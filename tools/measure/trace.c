// trace.c: writes a profiled step in the Trace Event Format.
#include "tools/measure/trace.h"

#include <string.h>

#include "tools/json.h"

enum { HOST = 1, DEVICE };

static void add_event(cJSON *events, int track, const char *name, double begin, double end) {
  cJSON *event = cJSON_CreateObject();
  cJSON_AddItemToArray(events, event);
  cJSON_AddStringToObject(event, "name", name);
  cJSON_AddStringToObject(event, "ph", "X");
  cJSON_AddNumberToObject(event, "ts", begin * 1e6);
  cJSON_AddNumberToObject(event, "dur", (end - begin) * 1e6);
  cJSON_AddNumberToObject(event, "pid", 1);
  cJSON_AddNumberToObject(event, "tid", track);
}

static double end_of(const profile_row *row) { return row->begin + row->traced; }

// One event a run of dispatches that share their path's first `depth` folders; false when no path is that deep.
static bool add_folders(cJSON *events, const profile *p, int depth) {
  bool any = false;
  for (int first = 0, last; first < p->count; first = last + 1) {
    const char *label = p->rows[first].work.label, *start = label, *end = label;
    last = first;
    for (int i = 0; i < depth && end; i++) {
      start = i ? end + 1 : label;
      end = i + 1 < depth ? strchr(start, '/') : start + strcspn(start, "/");
    }
    if (!end) continue;
    size_t bytes = (size_t)(end - label);
    while (last + 1 < p->count && !strncmp(p->rows[last + 1].work.label, label, bytes) &&
           strchr("/", p->rows[last + 1].work.label[bytes]))
      last++;
    char name[NAME_BYTES] = {0};
    memcpy(name, start, (size_t)(end - start));
    add_event(events, DEVICE, name, p->rows[first].begin, end_of(&p->rows[last]));
    any = true;
  }
  return any;
}

// The two clocks are aligned by the submission: the device's work stands in the middle of it.
static cJSON *build(const profile *p, const char *name) {
  cJSON *root = cJSON_CreateObject(), *events = cJSON_AddArrayToObject(root, "traceEvents");
  cJSON_AddStringToObject(root, "displayTimeUnit", "ms");
  double idle = p->submission - end_of(&p->rows[p->count - 1]);
  add_event(events, HOST, "submission", -idle / 2, p->submission - idle / 2);
  add_event(events, DEVICE, name, 0, end_of(&p->rows[p->count - 1]));
  for (int depth = 1; add_folders(events, p, depth); depth++) continue;
  for (int i = 0; i < p->count; i++) add_event(events, DEVICE, p->rows[i].work.kernel, p->rows[i].begin, end_of(&p->rows[i]));
  return root;
}

mote_status trace_write(const char *path, const profile *profile, const char *name, mote_error *error) {
  cJSON *root = build(profile, name);
  mote_status status = json_write_file(root, path, false, error);
  cJSON_Delete(root);
  return status;
}

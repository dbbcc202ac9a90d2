// selftest.c: `mote selftest`: every kernel against its CPU reference on this device; for bug reports.
#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "runtime/error.h"
#include "tests/ops/cases.h"
#include "tools/command.h"
#include "tools/json.h"
#include "tools/measure/selftest_print.h"
#include "tools/open.h"
#include "tools/options.h"

static const struct poptOption table[] = {POPT_TABLEEND};

static const options_desc desc = {
    .name = "selftest",
    .usage = "[OPTION...]",
    .table = table,
    .notes =
        "Runs every kernel on the device and compares with its CPU reference; --verbose lists the cases.\n"
        "The whole output belongs in a bug report.\n\n"
        "Example:\n  mote selftest --device 0 --verbose\n",
};

static void print_environment(const mote_device_info *d, bool json) {
  struct utsname system = {0};
  uname(&system);
  if (json) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "event", "environment");
    cJSON_AddStringToObject(object, "version", MOTE_VERSION);
    cJSON_AddStringToObject(object, "system", system.sysname);
    cJSON_AddStringToObject(object, "release", system.release);
    cJSON_AddStringToObject(object, "machine", system.machine);
    json_add_device(object, "device", d);
    json_print_line(object);
    return;
  }
  print("mote      " MOTE_VERSION ", on %s %s %s\n", system.sysname, system.release, system.machine);
  print("device    %" PRIu32 ", %s (%s)\n", d->index, d->name, device_type_name(d->type));
  print("driver    %s, Vulkan %" PRIu32 ".%" PRIu32 ".%" PRIu32 "\n", d->driver, d->api_version[0], d->api_version[1],
         d->api_version[2]);
  print("uuid      %s\n", d->uuid);
  print("offers    %" PRIu32 " invocations, %" PRIu32 " KiB shared, subgroups of %" PRIu32 "%s%s%s, %.1f GiB\n",
         d->max_invocations, d->shared_bytes / 1024, d->subgroup_size, d->subgroup_shuffle ? " with shuffle" : "",
         d->float16 ? ", fp16" : "", d->cooperative_matrix ? ", cooperative matrices" : "",
         (double)d->memory_bytes / (1024.0 * 1024.0 * 1024.0));
  fflush(stdout);
}

static mote_status selftest(options *o, int *exit_code, mote_error *error) {
  mote_device *device = NULL;
  TRY(open_device(&o->common, &device, error));
  print_environment(mote_device_get_info(device), o->common.json);
  selftest_print how = {.verbose = o->common.verbose, .ops = true, .json = o->common.json};
  selftest_options options = {.every_kernel = true,
                              .compared = selftest_print_compared,
                              .op_done = selftest_print_op,
                              .untaken = selftest_print_untaken,
                              .user = &how};
  selftest_counts counts;
  mote_status status = selftest_run(device, &all_cases, &options, &counts, error);
  if (status) {
    mote_device_destroy(&device);
    return status;
  }
  if (o->common.json) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "event", "result");
    cJSON_AddNumberToObject(json, "passed", counts.passed);
    cJSON_AddNumberToObject(json, "failed", counts.failed);
    cJSON_AddBoolToObject(json, "device_lost", counts.device_lost);
    json_print_line(json);
  } else {
    print("selftest %s: %d passed, %d failed\n", counts.failed ? "failed" : "passed", counts.passed, counts.failed);
  }
  fflush(stdout);
  if (counts.device_lost) say("selftest: the device was lost, so that not all cases were run");
  *exit_code = counts.failed ? COMMAND_FAILED : COMMAND_DONE;
  mote_device_destroy(&device);
  return MOTE_OK;
}

int command_selftest(int argc, const char **argv) {
  options options;
  return options_run(&options, &(options_work){.desc = &desc, .run = selftest}, argc, argv);
}

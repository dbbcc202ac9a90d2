// devices.c: `mote devices`: every Vulkan device, what it offers, which one would be chosen and why.
#include <inttypes.h>
#include <stdio.h>

#include "runtime/error.h"
#include "tools/command.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"

static const struct poptOption table[] = {POPT_TABLEEND};

static const options_desc desc = {
    .name = "devices",
    .usage = "[OPTION...]",
    .table = table,
    .notes =
        "The star marks the device that is chosen when --device is not given. With it, only the device that it names is shown.\n\n"
        "Example:\n  mote devices --json\n",
};

static void print_device(const mote_device_info *d) {
  print("%c %" PRIu32 "  %s (%s)\n", d->chosen ? '*' : ' ', d->index, d->name, device_type_name(d->type));
  print("     driver %s, Vulkan %" PRIu32 ".%" PRIu32 ".%" PRIu32 ", %.1f GiB\n", d->driver, d->api_version[0],
         d->api_version[1], d->api_version[2], (double)d->memory_bytes / (1024.0 * 1024.0 * 1024.0));
  print("     workgroups of %" PRIu32 " invocations and %" PRIu32 " KiB, subgroups of %" PRIu32
         "%s, fp16 %s, "
         "cooperative matrices %s, timestamps %s\n",
         d->max_invocations, d->shared_bytes / 1024, d->subgroup_size, d->subgroup_shuffle ? " with shuffle" : "",
         d->float16 ? "yes" : "no", d->cooperative_matrix ? "yes" : "no", d->timestamps ? "yes" : "no");
  print("     uuid %s\n", d->uuid);
  if (d->reason[0]) print("     %s\n", d->reason);
}

static void show_device(const options *o, const mote_device_info *info) {
  if (!o->common.json) {
    print_device(info);
    return;
  }
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "device");
  json_fill_device(json, info);
  json_print_line(json);
}

// The one that --device names.
static mote_status show_named(const options *o, mote_error *error) {
  mote_device *device = NULL;
  TRY(open_device(&o->common, &device, error));
  show_device(o, mote_device_get_info(device));
  mote_device_destroy(&device);
  return MOTE_OK;
}

static mote_status list_devices(options *o, int *exit_code, mote_error *error) {
  (void)exit_code;
  mote_device_info *infos = NULL;
  size_t count = 0;
  if (o->common.device) return show_named(o, error);
  TRY(mote_device_list(&infos, &count, error));
  for (size_t i = 0; i < count; i++) show_device(o, &infos[i]);
  mote_free(infos);
  return MOTE_OK;
}

int command_devices(int argc, const char **argv) {
  options options;
  return options_run(&options, &(options_work){.desc = &desc, .run = list_devices}, argc, argv);
}

// devices.c: `mote devices`: every Vulkan device, what it offers, which one would be chosen and why.
#include <inttypes.h>
#include <stdio.h>

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
static int show_named(const options *o) {
  mote_device *device = NULL;
  mote_error error;
  if (open_device(&o->common, &device, &error)) return report(&error);
  show_device(o, mote_device_get_info(device));
  mote_device_destroy(&device);
  return COMMAND_DONE;
}

static int list_devices(const options *o) {
  mote_device_info *infos = NULL;
  size_t count = 0;
  mote_error error;
  if (o->common.device) return show_named(o);
  if (mote_device_list(&infos, &count, &error)) return report(&error);
  for (size_t i = 0; i < count; i++) show_device(o, &infos[i]);
  mote_free(infos);
  return COMMAND_DONE;
}

int command_devices(int argc, const char **argv) {
  options options;
  mote_error error;
  const char *text = NULL;
  int exit_code = COMMAND_USAGE;
  if (options_init(&options, &desc, argc, argv, &error)) {
    exit_code = report(&error);
  } else if (options_next(&options, &text) == OPTIONS_STOP) {
    exit_code = options.exit_code;
  } else if (options_no_more_words(&options, &error)) {
    exit_code = report(&error);
  } else {
    exit_code = list_devices(&options);
  }
  options_finish(&options);
  return exit_code;
}

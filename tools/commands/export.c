// export.c: `mote export`: a model as a folder that others load.
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/diffusion/schedule.h"
#include "graph/nets/diffusers_model.h"
#include "graph/nets/model.h"
#include "runtime/error.h"
#include "tools/command.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"

static const struct poptOption table[] = {POPT_TABLEEND};

static const options_desc desc = {
    .name = "export",
    .usage = "MODEL DIR [OPTION...]",
    .table = table,
    .notes = "Writes a unet2d as a pipeline that diffusers loads: the model, its classes as rows and one more for none, and a\n"
             "DDIMScheduler. DIR is made; one that is there must be empty.\n\n"
             "Example:\n  mote export sprites.safetensors sprites\n",
};

typedef struct export_options {
  options base;
  const char *model, *folder;
} export_options;

static mote_status take_option(options *base, int value, const char *text, mote_error *error) {
  (void)base, (void)value, (void)text, (void)error;
  return MOTE_OK;
}

static mote_status check_options(options *base, mote_error *error) {
  export_options *o = (export_options *)base;
  o->model = options_word(base);
  o->folder = options_word(base);
  if (!o->folder) return fail(error, MOTE_ERROR_USAGE, "DIR: not given, expected MODEL and the folder to write");
  return options_no_more_words(base, error);
}

// rmdir and mkdir of a folder that is there tell that it is empty.
static mote_status make_folder(const char *folder, const char *name, mote_error *error) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s%s", folder, name) >= (int)sizeof path)
    return fail(error, MOTE_ERROR_FILE, "%s: the name is too long", folder);
  if (!mkdir(path, 0777)) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE, "%s: cannot make the folder: %s", path, strerror(errno));
}

static mote_status write_folder(const export_options *o, const mote_model *model, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  if (rmdir(o->folder) && errno != ENOENT)
    return fail(error, MOTE_ERROR_FILE, "%s: %s, expected a new or an empty folder", o->folder, strerror(errno));
  TRY(make_folder(o->folder, "", error));
  TRY(make_folder(o->folder, "/unet", error));
  TRY(make_folder(o->folder, "/scheduler", error));
  const size_t count = (size_t)info->timesteps + 1;
  double *betas = calloc(count, sizeof *betas);
  noising *levels = calloc(count, sizeof *levels);
  mote_status status = betas && levels ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory for %d timesteps", info->timesteps);
  if (!status) schedule_noisings(info, levels);
  for (size_t t = 1; t < count && !status; t++) betas[t] = 1 - pow(levels[t].signal / levels[t - 1].signal, 2);
  if (!status) status = diffusers_write(model, betas, o->folder, error);
  free(betas);
  free(levels);
  return status;
}

static void print_result(const export_options *o, const mote_model_info *info) {
  if (!o->base.common.json) {
    print("wrote %s: %s for diffusers\n", o->folder, info->architecture);
    return;
  }
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "result");
  cJSON_AddStringToObject(json, "architecture", info->architecture);
  cJSON_AddStringToObject(json, "output", o->folder);
  json_print_line(json);
}

static mote_status export(options *base, int *exit_code, mote_error *error) {
  (void)exit_code;
  const export_options *o = (const export_options *)base;
  mote_device *device = NULL;
  mote_model *model = NULL;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  TRY_GOTO(end, open_any_model(device, o->model, &model, error));
  TRY_GOTO(end, diffusers_check_model(mote_model_get_info(model), error));
  TRY_GOTO(end, write_folder(o, model, error));
  print_result(o, mote_model_get_info(model));
end:
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

int command_export(int argc, const char **argv) {
  export_options o = {0};
  return options_run(&o.base, &(options_work){&desc, take_option, check_options, export}, argc, argv);
}

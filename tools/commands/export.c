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
#include "graph/nets/metadata.h"
#include "graph/nets/model.h"
#include "graph/nets/parameters_write.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/command.h"
#include "tools/default_model.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"

static const struct poptOption table[] = {POPT_TABLEEND};

static const options_desc desc = {
    .name = "export",
    .usage = "MODEL DIR [OPTION...]",
    .table = table,
    .notes = "Writes a unet2d as a pipeline that diffusers loads: the model, its classes as rows and one more for none, and a\n"
             "DDIMScheduler; a context_unet as model.safetensors and context_unet.py, a module that PyTorch users import.\n"
             "DIR is made; one that is there must be empty.\n\n"
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

typedef struct file_name {
  char text[PATH_MAX];
} file_name;

static mote_status name_in(const char *folder, const char *name, file_name *out, mote_error *error) {
  if (snprintf(out->text, sizeof out->text, "%s%s", folder, name) < (int)sizeof out->text) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE, "%s: the name is too long", folder);
}

static mote_status make_folder(const char *folder, const char *name, mote_error *error) {
  file_name path;
  TRY(name_in(folder, name, &path, error));
  if (!mkdir(path.text, 0777)) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE, "%s: cannot make the folder: %s", path.text, strerror(errno));
}

// rmdir and mkdir of a folder that is there tell that it is empty.
static mote_status make_empty_folder(const char *folder, mote_error *error) {
  if (rmdir(folder) && errno != ENOENT)
    return fail(error, MOTE_ERROR_FILE, "%s: %s, expected a new or an empty folder", folder, strerror(errno));
  return make_folder(folder, "", error);
}

// A pipeline for diffusers.
static mote_status write_pipeline(const export_options *o, const mote_model *model, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
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

static mote_status write_text(const char *path, const void *text, size_t bytes, mote_error *error) {
  file_writer writer;
  TRY(file_writer_init(&writer, path, error));
  if (!file_writer_write(&writer, text, bytes, error)) return file_writer_commit(&writer, error);
  file_writer_abort(&writer);
  return error->status;
}

// Weights, and the module that they are of.
static mote_status write_module(const export_options *o, const mote_model *model, mote_error *error) {
  file_name weights_file, module_file;
  TRY(name_in(o->folder, "/model.safetensors", &weights_file, error));
  TRY(name_in(o->folder, "/context_unet.py", &module_file, error));
  size_t bytes;
  const void *text = context_unet_module(&bytes);
  metadata_pairs *metadata = calloc(1, sizeof *metadata);
  if (!metadata) return fail(error, MOTE_ERROR_MEMORY, "no memory for the metadata");
  metadata_describe(&model->info, metadata);
  const parameters_write_desc weights = {
      .parameters = &model->parameters, .learned = model->buffer, .others = model->buffer, .dtype = SAFETENSORS_F32,
      .metadata = metadata};
  mote_status status = parameters_write(&weights, weights_file.text, error);
  free(metadata);
  return status ? status : write_text(module_file.text, text, bytes, error);
}

// What becomes of a network.
static const struct export_form {
  const char *network, *reader;
  mote_status (*check)(const mote_model_info *info, mote_error *error);  // NULL: all of them can be written
  mote_status (*write)(const export_options *o, const mote_model *model, mote_error *error);
} forms[] = {{"unet2d", "diffusers", diffusers_check_model, write_pipeline}, {"context_unet", "PyTorch", NULL, write_module}};

static const struct export_form *form_of(const mote_model_info *info) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    if (!strcmp(forms[i].network, info->architecture)) return &forms[i];
  return NULL;
}

static mote_status write_folder(const export_options *o, const mote_model *model, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  const struct export_form *form = form_of(info);
  if (!form) return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: found a %s, expected a unet2d or a context_unet", o->model,
                          info->architecture);
  if (form->check) TRY(form->check(info, error));
  TRY(make_empty_folder(o->folder, error));
  return form->write(o, model, error);
}

// What the rows of the table of classes are, the last one none.
static void print_rows(const mote_model_info *info) {
  print("class_labels   ");
  for (int i = 0; i < info->label_count; i++) print(" %d %s,", i, info->labels[i]);
  if (!info->label_count) print(" 0 to %d as here,", info->n_cfeat - 1);
  print(" %d none\n", info->n_cfeat);
  if (info->attribute_count > 1) print("diffusers takes one of them for an image; several attributes at once are sums of rows\n");
}

static void print_result(const export_options *o, const mote_model_info *info) {
  if (!o->base.common.json) {
    print("wrote %s: a %s for %s\n", o->folder, info->architecture, form_of(info)->reader);
    if (form_of(info)->write == write_pipeline && info->n_cfeat) print_rows(info);
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

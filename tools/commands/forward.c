// forward.c: `mote forward`: one pass through the network, .npy in and out.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/files/npy.h"
#include "runtime/error.h"
#include "tools/command.h"
#include "tools/data/tensor.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/output.h"


enum { OPTION_X = 1, OPTION_STEPS, OPTION_CONTEXT, OPTION_CLASS, OPTION_OUTPUT, OPTION_FEATURES, OPTION_MODE };

static const struct poptOption table[] = {
    {"x", 0, POPT_ARG_STRING, NULL, OPTION_X, "images (N,C,h,w), N at most " NUMBER_TEXT(MOTE_BATCH_MAX), "x.npy"},
    {"steps", 0, POPT_ARG_STRING, NULL, OPTION_STEPS, "integer timesteps (N,), 0 to the model's T; of a unet2d 0 to T - 1", "t.npy"},
    {"context", 0, POPT_ARG_STRING, NULL, OPTION_CONTEXT, "contexts (N,K) (default: zeros)", "c.npy"},
    {"class", 0, POPT_ARG_STRING, NULL, OPTION_CLASS, "instead: integer classes (N,), 0 to K - 1", "k.npy"},
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_OUTPUT, "what the network predicts, float32 (N,C,h,w)", "eps.npy"},
    {"features", 0, POPT_ARG_STRING, NULL, OPTION_FEATURES,
     "of a classifier, which takes no --steps and makes (N,K): what its classes follow from, (N,2f)", "f.npy"},
    {"mode", 0, POPT_ARG_STRING, NULL, OPTION_MODE,
     "eval: BatchNorm by its running statistics; train: by the batch's own (default eval)", "eval|train"},
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "forward",
    .usage = "[MODEL] --x x.npy --steps t.npy -o eps.npy [OPTION...]",
    .table = table,
    .notes = "Example:\n  mote forward sprites.safetensors --x x.npy --steps t.npy --context c.npy -o eps.npy\n",
};

typedef struct forward_options {
  options base;
  const char *model, *x, *steps, *context, *classes, *output, *features;
  int train;
} forward_options;

static mote_status take_option(options *base, int value, const char *text, mote_error *error) {
  static const char *const modes[] = {"eval", "train", NULL};
  forward_options *o = (forward_options *)base;
  switch (value) {
    case OPTION_X: o->x = text; return MOTE_OK;
    case OPTION_STEPS: o->steps = text; return MOTE_OK;
    case OPTION_CONTEXT: o->context = text; return MOTE_OK;
    case OPTION_CLASS: o->classes = text; return MOTE_OK;
    case OPTION_OUTPUT: o->output = text; return MOTE_OK;
    case OPTION_FEATURES: o->features = text; return MOTE_OK;
    default: return option_choice("--mode", text, modes, &o->train, error);
  }
}

static mote_status check_options(options *base, mote_error *error) {
  forward_options *o = (forward_options *)base;
  o->model = options_word(&o->base);
  TRY(options_no_more_words(&o->base, error));
  if (!o->x) return fail(error, MOTE_ERROR_USAGE, "--x: not given, expected the images' .npy file");
  if (!o->output) return fail(error, MOTE_ERROR_USAGE, "-o: not given, expected the .npy file to write");
  if (o->context && o->classes)
    return fail(error, MOTE_ERROR_USAGE, "--class: found with --context, expected one of them");
  TRY(output_check_extension("-o", o->output, ".npy", error));
  if (o->features) TRY(output_check_extension("--features", o->features, ".npy", error));
  return check_model_given(o->model, error);
}

typedef struct forward_inputs {
  tensor x_npy, steps_npy, context_npy;  // the last of classes too
  float *x, *context, *output, *features;
  int32_t *steps;
} forward_inputs;

static mote_status read_files(forward_inputs *in, const forward_options *o, mote_error *error) {
  TRY(tensor_init(&in->x_npy, o->x, error));
  if (o->steps) TRY(tensor_init(&in->steps_npy, o->steps, error));
  const char *context = o->context ? o->context : o->classes;
  return context ? tensor_init(&in->context_npy, context, error) : MOTE_OK;
}

static mote_status check_steps(const forward_inputs *in, const forward_options *o, uint64_t count, int timesteps,
                               mote_error *error) {
  for (uint64_t i = 0; i < count; i++)
    if (in->steps[i] < 0 || in->steps[i] > timesteps)
      return fail(error, MOTE_ERROR_FORMAT,
                  "%s: found timestep %" PRId32 " at element %" PRIu64 ", expected 0 to %d", o->steps,
                  in->steps[i], i, timesteps);
  return MOTE_OK;
}

// x decides how many there must be of the others.
static mote_status fit_images(forward_inputs *in, const forward_options *o, const mote_model_info *model,
                              mote_error *error) {
  uint64_t dims[] = {0, (uint64_t)model->channels, (uint64_t)model->height, (uint64_t)model->width};
  TRY(tensor_check_shape(&in->x_npy, dims, 4, error));
  if (in->x_npy.array.dims[0] > MOTE_BATCH_MAX)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " images, expected at most %d", o->x,
                in->x_npy.array.dims[0], MOTE_BATCH_MAX);
  return tensor_to_image_floats(&in->x_npy, &in->x, error);
}

static mote_status pass_unet(forward_inputs *in, const forward_options *o, mote_model *model, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  uint64_t count = in->x_npy.array.dims[0], context_dims[] = {count, (uint64_t)info->n_cfeat};
  if (!o->steps) return fail(error, MOTE_ERROR_USAGE, "--steps: not given, expected the timesteps' .npy file");
  if (o->features) return fail(error, MOTE_ERROR_USAGE, "--features: found with a %s, expected a classifier",
                               info->architecture);
  TRY(tensor_check_shape(&in->steps_npy, &count, 1, error));
  if (o->context) TRY(tensor_check_shape(&in->context_npy, context_dims, 2, error));
  TRY(tensor_to_int32s(&in->steps_npy, &in->steps, error));
  if (o->context) TRY(tensor_to_floats(&in->context_npy, &in->context, error));
  if (o->classes) TRY(tensor_to_one_hot(&in->context_npy, count, info->n_cfeat, &in->context, error));
  TRY(check_steps(in, o, count, info->timesteps - info->counts_from_0, error));
  in->output = malloc(in->x_npy.array.element_count / (size_t)info->channels * (size_t)info->out_channels * sizeof *in->output);
  if (!in->output) return fail(error, MOTE_ERROR_MEMORY, "no memory for the output of %" PRIu64 " images", count);
  const mote_forward_desc pass = {
      .batch = (int)count, .x = in->x, .steps = in->steps, .context = in->context, .train = o->train};
  return mote_model_forward(model, &pass, in->output, error);
}

static mote_status pass_classifier(forward_inputs *in, const forward_options *o, mote_model *model,
                                   mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  uint64_t count = in->x_npy.array.dims[0];
  if (o->steps || o->context || o->classes || o->train)
    return fail(error, MOTE_ERROR_USAGE, "%s: found with a %s, expected --x, -o and --features alone",
                o->steps     ? "--steps"
                : o->context ? "--context"
                : o->classes ? "--class"
                             : "--mode train",
                info->architecture);
  in->output = malloc(count * (size_t)info->n_cfeat * sizeof *in->output);
  in->features = malloc(count * (size_t)info->feature_count * sizeof *in->features);
  if (!in->output || !in->features)
    return fail(error, MOTE_ERROR_MEMORY, "no memory for the output of %" PRIu64 " images", count);
  return mote_model_classify(model, (int)count, in->x, in->output, in->features, error);
}

static mote_status add_array(file_group *group, const char *option, const char *path, const uint64_t *dims, int dim_count,
                             const float *values, mote_error *error) {
  mote_error cause;
  file_writer writer = {0};
  mote_status status = file_writer_init(&writer, path, &cause);
  if (!status) status = npy_stream_float(&writer, dims, dim_count, values, &cause);
  if (!status) status = file_group_add(group, &writer, &cause);
  file_writer_abort(&writer);
  return status ? fail(error, status, "%s: %s", option, cause.message) : MOTE_OK;
}

static mote_status write_output(const forward_inputs *in, const forward_options *o, const mote_model_info *info,
                                mote_error *error) {
  uint64_t count = in->x_npy.array.dims[0];
  const uint64_t images[] = {count, (uint64_t)info->out_channels, (uint64_t)info->height, (uint64_t)info->width};
  const uint64_t classes[] = {count, (uint64_t)info->n_cfeat}, features[] = {count, (uint64_t)info->feature_count};
  file_group files = {0};
  mote_status status = in->features ? add_array(&files, "-o", o->output, classes, 2, in->output, error)
                                    : add_array(&files, "-o", o->output, images, 4, in->output, error);
  if (!status && o->features) status = add_array(&files, "--features", o->features, features, 2, in->features, error);
  if (!status) status = file_group_commit(&files, error);
  file_group_abort(&files);
  return status;
}

static void inputs_finish(forward_inputs *in) {
  tensor_finish(&in->x_npy);
  tensor_finish(&in->steps_npy);
  tensor_finish(&in->context_npy);
  free(in->x);
  free(in->steps);
  free(in->context);
  free(in->output);
  free(in->features);
}

static void print_result(const forward_options *o, uint64_t count, const mote_device_info *device) {
  if (!o->base.common.json) {
    print("%" PRIu64 " image%s, %s mode, on %s\nwrote %s\n", count, count == 1 ? "" : "s", o->train ? "train" : "eval",
           device->name, o->output);
    return;
  }
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "result");
  json_add_uint64(json, "images", count);
  cJSON_AddStringToObject(json, "mode", o->train ? "train" : "eval");
  cJSON_AddStringToObject(json, "device", device->name);
  cJSON_AddStringToObject(json, "output", o->output);
  json_print_line(json);
}

static mote_status check_outputs(const forward_options *o, mote_error *error) {
  file_claims claims = {0};
  claims_read(&claims, "MODEL", o->model);
  claims_read(&claims, "--x", o->x);
  claims_read(&claims, "--steps", o->steps);
  claims_read(&claims, "--context", o->context);
  claims_read(&claims, "--class", o->classes);
  claims_write(&claims, "-o", o->output);
  claims_write(&claims, "--features", o->features);
  return claims_settle(&claims, error);
}

static mote_status forward(options *base, int *exit_code, mote_error *error) {
  (void)exit_code;
  const forward_options *o = (const forward_options *)base;
  forward_inputs in = {0};
  mote_device *device = NULL;
  mote_model *model = NULL;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, check_outputs(o, error));
  TRY_GOTO(end, read_files(&in, o, error));
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  say_device(mote_device_get_info(device));
  TRY_GOTO(end, open_any_model(device, o->model, &model, error));
  const mote_model_info *info = mote_model_get_info(model);
  bool classifies = info->classifies;
  size_model(model, &in.x_npy.array);
  TRY_GOTO(end, fit_images(&in, o, info, error));
  TRY_GOTO(end, (classifies ? pass_classifier : pass_unet)(&in, o, model, error));
  TRY_GOTO(end, write_output(&in, o, info, error));
  print_result(o, in.x_npy.array.dims[0], mote_device_get_info(device));
end:
  inputs_finish(&in);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

int command_forward(int argc, const char **argv) {
  forward_options o = {0};
  return options_run(&o.base, &(options_work){&desc, take_option, check_options, forward}, argc, argv);
}

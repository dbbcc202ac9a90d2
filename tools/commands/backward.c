// backward.c: `mote backward`: loss and gradients of one given batch, .npy in and safetensors out.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/error.h"
#include "tools/command.h"
#include "tools/data/tensor.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/output.h"


enum { OPTION_X0 = 1, OPTION_NOISE, OPTION_X, OPTION_TARGET, OPTION_STEPS, OPTION_CONTEXT, OPTION_CLASS, OPTION_OUTPUT };

static const struct poptOption table[] = {
    {"x0", 0, POPT_ARG_STRING, NULL, OPTION_X0, "images (N,C,h,w) in [-1, 1], N at most " NUMBER_TEXT(MOTE_BATCH_MAX), "x0.npy"},
    {"noise", 0, POPT_ARG_STRING, NULL, OPTION_NOISE, "noise (N,C,h,w)", "n.npy"},
    {"x", 0, POPT_ARG_STRING, NULL, OPTION_X, "instead of both: what the network is given (N,C,h,w)", "x.npy"},
    {"target", 0, POPT_ARG_STRING, NULL, OPTION_TARGET, "with --x: what it should answer (N,C,h,w)", "y.npy"},
    {"steps", 0, POPT_ARG_STRING, NULL, OPTION_STEPS, "integer timesteps (N,), 0 to the model's T; of a unet2d 0 to T - 1", "t.npy"},
    {"context", 0, POPT_ARG_STRING, NULL, OPTION_CONTEXT, "contexts (N,K) (default: zeros)", "c.npy"},
    {"class", 0, POPT_ARG_STRING, NULL, OPTION_CLASS, "instead: integer classes (N,), 0 to K - 1", "k.npy"},
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_OUTPUT,
     "gradients under the parameters' names, and the running statistics after this batch", "grads.safetensors"},
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "backward",
    .usage = "MODEL --x0 x0.npy --noise n.npy | --x x.npy --target y.npy --steps t.npy -o grads.safetensors [OPTION...]",
    .table = table,
    .notes = "The loss is the mean squared error to the model's target or --target, BatchNorm in training mode.\n\nExample:\n"
             "  mote backward sprites.safetensors --x0 x0.npy --noise n.npy --steps t.npy -o grads.safetensors\n",
};

typedef struct backward_options {
  options base;
  const char *model, *x, *target, *steps, *context, *classes, *output;  // x0 and noise, or x and target
  bool noises;
  unsigned given;  // bits of OPTION_X0 to OPTION_TARGET
} backward_options;

static mote_status take_option(options *base, int value, const char *text, mote_error *error) {
  (void)error;
  backward_options *o = (backward_options *)base;
  switch (value) {
    case OPTION_X0:
    case OPTION_X: o->x = text; o->given |= 1u << value; return MOTE_OK;
    case OPTION_NOISE:
    case OPTION_TARGET: o->target = text; o->given |= 1u << value; return MOTE_OK;
    case OPTION_STEPS: o->steps = text; return MOTE_OK;
    case OPTION_CONTEXT: o->context = text; return MOTE_OK;
    case OPTION_CLASS: o->classes = text; return MOTE_OK;
    default: o->output = text; return MOTE_OK;
  }
}

static mote_status check_options(options *base, mote_error *error) {
  backward_options *o = (backward_options *)base;
  o->model = options_word(&o->base);
  TRY(options_no_more_words(&o->base, error));
  o->noises = !(o->given & (1u << OPTION_X | 1u << OPTION_TARGET));
  if (!o->noises && o->given != (1u << OPTION_X | 1u << OPTION_TARGET))
    return fail(error, MOTE_ERROR_USAGE, "--x: expected together with --target, and without --x0 and --noise");
  if (!o->x) return fail(error, MOTE_ERROR_USAGE, "--x0: not given, expected the images' .npy file");
  if (!o->target) return fail(error, MOTE_ERROR_USAGE, "--noise: not given, expected the noise's .npy file");
  if (o->context && o->classes)
    return fail(error, MOTE_ERROR_USAGE, "--class: found with --context, expected one of them");
  if (!o->steps) return fail(error, MOTE_ERROR_USAGE, "--steps: not given, expected the timesteps' .npy file");
  if (!o->output) return fail(error, MOTE_ERROR_USAGE, "-o: not given, expected the safetensors file to write");
  TRY(output_check_extension("-o", o->output, ".safetensors", error));
  return check_model_given(o->model, error);
}

typedef struct backward_inputs {
  tensor x_npy, target_npy, steps_npy, context_npy;  // the last of classes too
  float *x, *target, *context;
  int32_t *steps;
} backward_inputs;

static mote_status read_files(backward_inputs *in, const backward_options *o, mote_error *error) {
  const char *context = o->context ? o->context : o->classes;
  TRY(tensor_init(&in->x_npy, o->x, error));
  TRY(tensor_init(&in->target_npy, o->target, error));
  TRY(tensor_init(&in->steps_npy, o->steps, error));
  return context ? tensor_init(&in->context_npy, context, error) : MOTE_OK;
}

// Checks the files against the model; x0 or x decides how many there must be of the others.
static mote_status fit_inputs(backward_inputs *in, const backward_options *o, const mote_model_info *model,
                              mote_error *error) {
  uint64_t dims[] = {0, (uint64_t)model->channels, (uint64_t)model->height, (uint64_t)model->width};
  TRY(tensor_check_shape(&in->x_npy, dims, 4, error));
  uint64_t count = dims[0] = in->x_npy.array.dims[0];
  if (count > MOTE_BATCH_MAX)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " images, expected at most %d", o->x, count,
                MOTE_BATCH_MAX);
  if (!o->noises) dims[1] = (uint64_t)model->out_channels;
  TRY(tensor_check_shape(&in->target_npy, dims, 4, error));
  TRY(tensor_check_shape(&in->steps_npy, &count, 1, error));
  uint64_t context_dims[] = {count, (uint64_t)model->n_cfeat};
  if (o->context) TRY(tensor_check_shape(&in->context_npy, context_dims, 2, error));
  TRY(tensor_to_image_floats(&in->x_npy, &in->x, error));
  TRY(tensor_to_floats(&in->target_npy, &in->target, error));
  TRY(tensor_to_int32s(&in->steps_npy, &in->steps, error));
  if (o->classes) return tensor_to_one_hot(&in->context_npy, count, model->n_cfeat, &in->context, error);
  return o->context ? tensor_to_floats(&in->context_npy, &in->context, error) : MOTE_OK;
}

static void inputs_finish(backward_inputs *in) {
  tensor_finish(&in->x_npy);
  tensor_finish(&in->target_npy);
  tensor_finish(&in->steps_npy);
  tensor_finish(&in->context_npy);
  free(in->x);
  free(in->target);
  free(in->steps);
  free(in->context);
}

static void print_result(const backward_options *o, double loss, const mote_device_info *device) {
  if (!o->base.common.json) {
    print("loss %.9g\n", loss);
    return;
  }
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "result");
  cJSON_AddNumberToObject(json, "loss", loss);
  cJSON_AddStringToObject(json, "device", device->name);
  cJSON_AddStringToObject(json, "output", o->output);
  json_print_line(json);
}

static mote_status check_output(const backward_options *o, mote_error *error) {
  file_claims claims = {0};
  claims_read(&claims, "MODEL", o->model);
  claims_read(&claims, o->noises ? "--x0" : "--x", o->x);
  claims_read(&claims, o->noises ? "--noise" : "--target", o->target);
  claims_read(&claims, "--steps", o->steps);
  claims_read(&claims, "--context", o->context);
  claims_read(&claims, "--class", o->classes);
  claims_write(&claims, "-o", o->output);
  return claims_settle(&claims, error);
}

static mote_status backward(options *base, int *exit_code, mote_error *error) {
  (void)exit_code;
  const backward_options *o = (const backward_options *)base;
  backward_inputs in = {0};
  mote_device *device = NULL;
  mote_model *model = NULL;
  double loss;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, check_output(o, error));
  TRY_GOTO(end, read_files(&in, o, error));
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  say_device(mote_device_get_info(device));
  TRY_GOTO(end, open_any_model(device, o->model, &model, error));
  size_model(model, &in.x_npy.array);
  TRY_GOTO(end, fit_inputs(&in, o, mote_model_get_info(model), error));
  const mote_backward_desc batch = {.batch = (int)in.x_npy.array.dims[0],
                                    .x0 = o->noises ? in.x : NULL,
                                    .noise = o->noises ? in.target : NULL,
                                    .x = o->noises ? NULL : in.x,
                                    .target = o->noises ? NULL : in.target,
                                    .steps = in.steps,
                                    .context = in.context};
  TRY_GOTO(end, mote_model_backward(model, &batch, o->output, &loss, error));
  print_result(o, loss, mote_device_get_info(device));
end:
  inputs_finish(&in);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

int command_backward(int argc, const char **argv) {
  backward_options o = {0};
  return options_run(&o.base, &(options_work){&desc, take_option, check_options, backward}, argc, argv);
}

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


enum { OPTION_X0 = 1, OPTION_NOISE, OPTION_STEPS, OPTION_CONTEXT, OPTION_OUTPUT };

static const struct poptOption table[] = {
    {"x0", 0, POPT_ARG_STRING, NULL, OPTION_X0, "images (N,C,h,h) in [-1, 1], N at most " NUMBER_TEXT(MOTE_BATCH_MAX), "x0.npy"},
    {"noise", 0, POPT_ARG_STRING, NULL, OPTION_NOISE, "noise (N,C,h,h)", "n.npy"},
    {"steps", 0, POPT_ARG_STRING, NULL, OPTION_STEPS, "int32 timesteps (N,), 0 to the model's T", "t.npy"},
    {"context", 0, POPT_ARG_STRING, NULL, OPTION_CONTEXT, "contexts (N,K) (default: zeros)", "c.npy"},
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_OUTPUT,
     "gradients under the parameters' names, and the running statistics after this batch", "grads.safetensors"},
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "backward",
    .usage = "MODEL --x0 x0.npy --noise n.npy --steps t.npy -o grads.safetensors [OPTION...]",
    .table = table,
    .notes = "The loss is the mean squared error to the model's target, BatchNorm in training mode.\n\nExample:\n"
             "  mote backward sprites.safetensors --x0 x0.npy --noise n.npy --steps t.npy -o grads.safetensors\n",
};

typedef struct backward_options {
  options base;
  const char *model, *x0, *noise, *steps, *context, *output;
} backward_options;

static mote_status take_option(options *base, int value, const char *text, mote_error *error) {
  (void)error;
  backward_options *o = (backward_options *)base;
  switch (value) {
    case OPTION_X0: o->x0 = text; return MOTE_OK;
    case OPTION_NOISE: o->noise = text; return MOTE_OK;
    case OPTION_STEPS: o->steps = text; return MOTE_OK;
    case OPTION_CONTEXT: o->context = text; return MOTE_OK;
    default: o->output = text; return MOTE_OK;
  }
}

static mote_status check_options(options *base, mote_error *error) {
  backward_options *o = (backward_options *)base;
  o->model = options_word(&o->base);
  TRY(options_no_more_words(&o->base, error));
  if (!o->x0) return fail(error, MOTE_ERROR_USAGE, "--x0: not given, expected the images' .npy file");
  if (!o->noise) return fail(error, MOTE_ERROR_USAGE, "--noise: not given, expected the noise's .npy file");
  if (!o->steps) return fail(error, MOTE_ERROR_USAGE, "--steps: not given, expected the timesteps' .npy file");
  if (!o->output) return fail(error, MOTE_ERROR_USAGE, "-o: not given, expected the safetensors file to write");
  TRY(output_check_extension("-o", o->output, ".safetensors", error));
  return check_model_given(o->model, error);
}

typedef struct backward_inputs {
  tensor x0_npy, noise_npy, steps_npy, context_npy;
  float *x0, *noise, *context;
  int32_t *steps;
} backward_inputs;

static mote_status read_files(backward_inputs *in, const backward_options *o, mote_error *error) {
  TRY(tensor_init(&in->x0_npy, o->x0, error));
  TRY(tensor_init(&in->noise_npy, o->noise, error));
  TRY(tensor_init(&in->steps_npy, o->steps, error));
  return o->context ? tensor_init(&in->context_npy, o->context, error) : MOTE_OK;
}

// Checks the files against the model; x0 decides how many there must be of the others.
static mote_status fit_inputs(backward_inputs *in, const backward_options *o, const mote_model_info *model,
                              mote_error *error) {
  uint64_t height = (uint64_t)model->height;
  uint64_t dims[] = {0, (uint64_t)model->channels, height, height};
  TRY(tensor_check_shape(&in->x0_npy, dims, 4, error));
  uint64_t count = dims[0] = in->x0_npy.array.dims[0];
  if (count > MOTE_BATCH_MAX)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " images, expected at most %d", o->x0, count,
                MOTE_BATCH_MAX);
  TRY(tensor_check_shape(&in->noise_npy, dims, 4, error));
  TRY(tensor_check_shape(&in->steps_npy, &count, 1, error));
  uint64_t context_dims[] = {count, (uint64_t)model->n_cfeat};
  if (o->context) TRY(tensor_check_shape(&in->context_npy, context_dims, 2, error));
  TRY(tensor_to_image_floats(&in->x0_npy, &in->x0, error));
  TRY(tensor_to_floats(&in->noise_npy, &in->noise, error));
  TRY(tensor_to_int32s(&in->steps_npy, &in->steps, error));
  return o->context ? tensor_to_floats(&in->context_npy, &in->context, error) : MOTE_OK;
}

static void inputs_finish(backward_inputs *in) {
  tensor_finish(&in->x0_npy);
  tensor_finish(&in->noise_npy);
  tensor_finish(&in->steps_npy);
  tensor_finish(&in->context_npy);
  free(in->x0);
  free(in->noise);
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
  claims_read(&claims, "--x0", o->x0);
  claims_read(&claims, "--noise", o->noise);
  claims_read(&claims, "--steps", o->steps);
  claims_read(&claims, "--context", o->context);
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
  TRY_GOTO(end, open_model(device, o->model, &model, error));
  TRY_GOTO(end, fit_inputs(&in, o, mote_model_get_info(model), error));
  const mote_backward_desc batch = {.batch = (int)in.x0_npy.array.dims[0],
                                    .x0 = in.x0,
                                    .noise = in.noise,
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

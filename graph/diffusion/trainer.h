// trainer.h: what the parts of the trainer share.
#ifndef MOTE_GRAPH_DIFFUSION_TRAINER_H
#define MOTE_GRAPH_DIFFUSION_TRAINER_H

#include "graph/compile/program.h"
#include "graph/diffusion/distill.h"

// The flat buffers, all in the layout of `parameters`.
enum { FLAT_WEIGHTS, FLAT_GRADIENTS, FLAT_FIRST, FLAT_SECOND, FLAT_AVERAGE, FLAT_COUNT };

// What it replays, for profiles.
program *trainer_program(mote_trainer *trainer);

struct mote_trainer {
  mote_device *device;
  mote_trainer_desc desc;  // without zeros for defaults; pointers into the caller's data are cleared
  mote_model_info info;
  parameters parameters;
  buffer *flat[FLAT_COUNT];
  program *program;
  tensor *pixels, *contexts, *noise, *state, *ring;  // inputs of the program
  distill_desc distill;  // its tensors are inputs of the program too; teacher NULL: targets follow from the data
  uint64_t steps_done;
  buffer *readback;   // state and ring for mote_trainer_collect; NULL unless desc.recorded
  uint64_t collected; // steps whose losses were handed out
  mote_model *model;  // averaged weights, made at the first call of mote_trainer_get_model
  // Held-out images, already noised: NCHW rows, made when the trainer is.
  struct {
    uint32_t count;
    float *x, *target, *context, *weight;
    int32_t *steps;
  } validation;
  float class_weights[MOTE_MAX_CONTEXT];  // by which contexts count in the loss of a classifier; else 1
};

// trainer_check.c: `desc` with defaults for zeros, refused where a trainer could not be made from it or its weights would not
// be read again.
mote_status trainer_complete(const mote_trainer_desc *desc, mote_trainer_desc *out, mote_error *error);

// trainer_check.c: the data, which are only counted before. `desc` is complete.
mote_status trainer_check_data(const mote_trainer_desc *desc, mote_error *error);

// trainer_check.c: the end of the learning rate's schedule, which the device counts with 32 bits.
mote_status trainer_check_total(mote_lr_schedule schedule, uint64_t total_steps, mote_error *error);

// trainer_files.c: what the header of a state tells: after this the file holds no more than the trainer needs. Then its numbers:
// TRAIN_WORDS words, and the flat buffers behind one another. Of the trainer, desc and parameters are asked.
mote_status trainer_check_state(const mote_trainer *trainer, const safetensors *file, const char *path, mote_error *error);
mote_status trainer_read_state(const mote_trainer *trainer, const safetensors *file, const char *path, uint32_t *words,
                               float *values, mote_error *error);

// trainer_record.c: makes the read-back memory; what it will take, 0 where it is not asked for.
mote_status trainer_prepare_recording(mote_trainer *trainer, mote_error *error);
mote_status trainer_measure_recording(const mote_trainer *trainer, uint64_t *bytes, mote_error *error);

// trainer.c: contexts of `data`, times class_weights.
void trainer_copy_contexts(const mote_trainer *trainer, const mote_dataset *data, float *contexts);

// trainer.c: the error of a step whose loss is not finite.
mote_status trainer_check_failed(uint32_t failed, mote_error *error);

// trainer_validate.c
mote_status trainer_prepare_validation(mote_trainer *trainer, const mote_dataset *data, mote_error *error);
void trainer_release_validation(mote_trainer *trainer);

// Weight of the squared error at each timestep 0 … T (Hang et al. 2023): min(SNR, gamma) / SNR for epsilon,
// min(SNR, gamma) / (SNR + 1) for v, min(SNR, gamma) for x_0, with SNR = ᾱ/(1-ᾱ); 1 where gamma is 0.
double min_snr_weight(mote_prediction prediction, double alpha_bar, double gamma);

#endif

// trainer.h: what the parts of the trainer share.
#ifndef MOTE_GRAPH_DIFFUSION_TRAINER_H
#define MOTE_GRAPH_DIFFUSION_TRAINER_H

#include "graph/diffusion/training.h"
#include "graph/nets/network.h"

// What it replays, for profiles, and the stages of one step.
program *trainer_program(mote_trainer *trainer);
sequence trainer_step(const mote_trainer *trainer);

// trainer.c: all but what takes memory on the device; then the program's graph, its parameters in their homes, which lie in no buffer
// while there are none; and the bytes of the exchange.
mote_status trainer_describe(const mote_trainer_desc *desc, mote_trainer *trainer, mote_error *error);
mote_status trainer_make_graph(mote_trainer *trainer, graph **out, mote_error *error);
size_t trainer_exchange_bytes(const mote_trainer *trainer);

// trainer_memory.c: settles where the images lie, and how many are judged and sampled at once. MOTE_ERROR_MEMORY where the device has
// no room, with the largest batch for which it has.
mote_status trainer_find_room(const mote_trainer_desc *desc, mote_trainer *trainer, mote_error *error);

// trainer_data.c: bytes of so many images with their contexts; places for those drawn next, if images are to stay on the host.
uint64_t trainer_data_bytes(const mote_trainer *trainer, uint64_t images);
uint32_t trainer_slots(const mote_trainer *trainer);
mote_status trainer_measure_slots(const mote_trainer *trainer, program_needs *needs, mote_error *error);
mote_status trainer_create_slots(mote_trainer *trainer, mote_error *error);

// trainer_data.c: the tensors of images and contexts; what is in them; and steps that draw from them.
void trainer_add_data(mote_trainer *trainer, graph *graph);
mote_status trainer_write_data(mote_trainer *trainer, const mote_dataset *data, mote_error *error);
mote_status trainer_run_steps(mote_trainer *trainer, uint32_t step_count, mote_error *error);
void trainer_release_data(mote_trainer *trainer);

// trainer_check.c: `desc` with defaults for zeros, refused where a trainer could not be made from it or its weights would not
// be read again.
mote_status trainer_complete(const mote_trainer_desc *desc, mote_trainer_desc *out, mote_error *error);

// trainer_check.c: a number of the description, called by its name.
mote_status trainer_check_range(const char *name, double value, double low, double high, mote_error *error);

// trainer_check.c: a setting that is another than it must be; the message begins with `found`.
mote_status trainer_fail_other(const char *found, const network_setting *setting, const mote_model_info *other,
                               const mote_model_info *wanted, mote_error *error);

// trainer_check.c: the data, which are only counted before. `desc` is complete.
mote_status trainer_check_data(const mote_trainer_desc *desc, mote_error *error);

// trainer_check.c: the end of the learning rate's schedule, which the device counts with 32 bits.
mote_status trainer_check_total(mote_lr_schedule schedule, uint64_t total_steps, mote_error *error);

// trainer_files.c: what the header of a state tells: after this the file holds no more than the trainer needs. Then its numbers:
// TRAIN_WORDS words, and the flat buffers one after the other. Of the trainer, desc and parameters are asked.
mote_status trainer_check_state(const mote_trainer *trainer, const safetensors *file, const char *path, mote_error *error);
mote_status trainer_read_state(const mote_trainer *trainer, const safetensors *file, const char *path, uint32_t *words,
                               float *values, mote_error *error);

// trainer_record.c: makes the read-back memory; what it will take, 0 where it is not asked for.
mote_status trainer_prepare_recording(mote_trainer *trainer, mote_error *error);
mote_status trainer_measure_recording(const mote_trainer *trainer, uint64_t *bytes, mote_error *error);

// trainer_data.c: contexts of `data`, times context_weights.
void trainer_copy_contexts(const mote_trainer *trainer, const mote_dataset *data, float *contexts);

// trainer.c: the error of a step whose loss is not finite.
mote_status trainer_check_failed(uint32_t failed, mote_error *error);

// trainer_validate.c; and what a pass through the network takes.
mote_status trainer_measure_pass(const mote_trainer *trainer, int batch, program_needs *needs, mote_error *error);
mote_status trainer_prepare_validation(mote_trainer *trainer, const mote_dataset *data, mote_error *error);
void trainer_release_validation(mote_trainer *trainer);

// Weight of the squared error at each timestep 0 … T (Hang et al. 2023): min(SNR, gamma) / SNR for epsilon,
// min(SNR, gamma) / (SNR + 1) for v, min(SNR, gamma) for x_0, with SNR = ᾱ/(1-ᾱ); 1 where gamma is 0.

#endif

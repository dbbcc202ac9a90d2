// default_model.h: the files inside the program: the weights that `mote sample` takes when no MODEL is named, and the classifier
// that `mote evaluate` judges their samples with.
#ifndef MOTE_TOOLS_DEFAULT_MODEL_H
#define MOTE_TOOLS_DEFAULT_MODEL_H

#include <stddef.h>

#define DEFAULT_MODEL_NAME "the embedded sprites16.safetensors"
#define DEFAULT_CLASSIFIER_NAME "the embedded sprites16-classifier.safetensors"

// Safetensors files in memory that live as long as the program, or NULL when none was built in.
const void *default_model(size_t *bytes);
const void *default_classifier(size_t *bytes);

// The text of models/context_unet.py.
const void *context_unet_module(size_t *bytes);

#endif

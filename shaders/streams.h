// streams.h: words of Philox's counter that keep the uses of one seed apart. In a run of sampling and in one of training the same
// number may stand for different things: no run does both with one seed.
#ifndef MOTE_SHADERS_STREAMS_H
#define MOTE_SHADERS_STREAMS_H

// Sampling.
#define STREAM_SAMPLING 0u  // x_T, and the noise of every step
#define STREAM_KNOWN 3u     // pixels that inpainting keeps
#define STREAM_BACK 4u      // steps that it goes over again

// Training.
#define STREAM_TRAIN_NOISE 1u
#define STREAM_TRAIN_DRAW 2u     // which images, timesteps and flips
#define STREAM_TRAIN_WEIGHTS 3u  // the first weights
#define STREAM_VALIDATION 4u     // noise of images that a loss is measured on
#define STREAM_TRAIN_DROPOUT 0x64726f70u  // "drop", and from there on one a layer
#define STREAM_HOLDOUT 0x68656c64u  // "held": which images are held out

// Judging.
#define STREAM_RESAMPLE 5u  // images drawn again, for how sure a distance is

#endif

// ops.h: the builders of all ops, from the list in ops.def.
#ifndef MOTE_GRAPH_OPS_OPS_H
#define MOTE_GRAPH_OPS_OPS_H

#include "graph/ir/graph.h"
#include "shaders/train_state.h"

// What batch_norm needs beside its input: all (1, C, 1, 1).
typedef struct batch_norm_tensors {
  tensor *gamma, *beta, *running_mean, *running_var;
} batch_norm_tensors;

typedef struct normal_noise_desc {
  uint32_t stream, step;  // words of the Philox counter
  uint32_t bits;          // the raw random words instead, for tests
} normal_noise_desc;

// A training batch from data on the device.
typedef struct draw_batch_desc {
  tensor *pixels;    // (1, words, 1, 1) raw: count × height × width × channels bytes
  tensor *contexts;  // (count, K, 1, 1) raw
  int drawn_of;      // how many images there are where count is that of places for those that are drawn, see draw_batch.comp; 0: count
  tensor *noise;     // (T + 1, NOISE_WORDS, 1, 1) raw; row 0 is never drawn
  tensor *state;     // (1, TRAIN_WORDS, 1, 1) raw
  tensor *begins;    // (1, K, 1, 1) raw: above 0 where an attribute begins, the first aside
  bool apart;        // attributes are dropped apart too
  int batch, channels, height, width, prediction, shift;
  int step_draws;  // images of one training step; `state` says which batch of it this is
  float context_drop, flip;
} draw_batch_desc;

typedef struct draw_batch_tensors {
  tensor *x, *target;  // (N, C, h, h)
  tensor *time;        // (N, 1, 1, 1)
  tensor *context;     // (N, K, 1, 1)
  tensor *weight;      // (N, 1, 1, 1)
  tensor *index;       // (1, N, 1, 1) raw: which images were taken
  tensor *row;         // (1, N, 1, 1) raw: t of each image, the row of the noise table
} draw_batch_tensors;

// Sums over the batches of a step. Level k of accumulate_level_count(batches) holds one over 2^k of them.
typedef struct accumulate_desc {
  tensor *state;                      // (1, TRAIN_WORDS, 1, 1) raw
  tensor *exchange;                   // flat: what a batch gives
  tensor *levels[TRAIN_LEVELS];  // as exchange
  int batches;                        // 2 or more
} accumulate_desc;

int accumulate_level_count(int batches);

typedef struct train_control_desc {
  tensor *gradients;  // flat: (1, count, 1, 1) raw
  tensor *weights;    // flat, running statistics included; looked at for numbers that are not finite
  tensor *statistics; // of the batch, flat; looked at too. NULL: there are none
  tensor *loss;       // numbers that add up to it, and their factor
  float loss_share;
  tensor *state;      // (1, TRAIN_WORDS, 1, 1) raw
  tensor *ring;       // (1, TRAIN_RING, 1, 1) raw
  uint32_t schedule, warmup;
  float learning_rate, weight_decay, ema, clip, beta1, beta2;
} train_control_desc;

// Flat buffers of one layout; `weights` and `average` hold running statistics after the learned parameters. `statistics` are sums over
// the step's batches of what these follow; NULL where there are none.
typedef struct adamw_desc {
  tensor *weights, *gradients, *statistics, *first, *second, *average, *state;
  int batches;
  float beta1, beta2;
} adamw_desc;

// Attributes of mse and cross_entropy, whose outputs are the loss, the gradient and the parts that add up to the loss.
typedef struct loss_attributes {
  float share;        // factor of the sum
  uint32_t in_parts;  // only the parts are written; another node adds them up
} loss_attributes;

// The parts of a loss, one an image, which is their sum times loss_share: its node leaves that to who takes them.
tensor *loss_parts(tensor *loss);

double loss_share(const node *loss);

// Attributes of scale_shift, whose second input is the first tensor that its form takes.
typedef struct scale_shift_attributes {
  epilogue epilogue;
  uint32_t form;  // SCALE_SHIFT_… of shaders/scale_shift.h
} scale_shift_attributes;

// Adds `d` to the gradient of `of`: for gradient rules. NULL tensors, and those that need no gradient, are passed over.
void graph_add_gradient(graph *graph, tensor *of, tensor *d);

#define BLEND_TERMS 4

// y[n] = Σ table[row[n]][column + k] · terms[k][n]
typedef struct blend_desc {
  tensor *table;               // (rows, words, 1, 1) raw
  tensor *row;                 // (1, N, 1, 1) raw: a row of the table for each image
  int column;                  // of the first term's factor
  tensor *terms[BLEND_TERMS];  // (N, C, H, W), all of one shape; the first NULL ends them
} blend_desc;

// What a denoising step works on.
typedef struct sampler_tensors {
  tensor *x;         // (N, C, H, W); updated in place
  tensor *model;     // what the network predicted, as x; (2N, C, H, W) is guided: the context's, then those to avoid
  tensor *table;     // (steps, ROW_WORDS, 1, 1) raw
  tensor *step;      // the step buffer
  tensor *limit;     // (N, 1, 1, 1) raw: what x_0 is clamped to and divided by; NULL: it is left alone
  tensor *previous;  // as x: the last step's x_0, which is updated; NULL: the sampler looks at none
} sampler_tensors;

#define OP(name, builder)     \
  extern const op name##_op;  \
  builder;
#define GRADIENT_OP(name, of) extern const op name##_op;
#include "graph/ops/ops.def"

static inline tensor *gelu(graph *graph, tensor *x) { return activation(graph, x, ACTIVATION_GELU); }
static inline tensor *relu(graph *graph, tensor *x) { return activation(graph, x, ACTIVATION_RELU); }
static inline tensor *silu(graph *graph, tensor *x) { return activation(graph, x, ACTIVATION_SILU); }
static inline tensor *mish(graph *graph, tensor *x) { return activation(graph, x, ACTIVATION_MISH); }

#endif

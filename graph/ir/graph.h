// graph.h: tensors and the list of nodes that makes them. Building a network appends nodes; a program runs them.
//
// Builders such as `conv(graph, x, weight, bias)` check shapes, append a node and return its output. A failed builder
// leaves its message in the graph and returns NULL; builders given NULL return NULL; program_create reports it. So a
// network is written as plain expressions.
#ifndef MOTE_GRAPH_IR_GRAPH_H
#define MOTE_GRAPH_IR_GRAPH_H

#include "runtime/runtime.h"

#define MAX_INPUTS 32
#define MAX_OUTPUTS 32
#define ATTRIBUTE_BYTES 64
#define NAME_BYTES 96

// Named dimensions: batch, channels, rows, columns. Vectors have h = w = 1. For weights n is output channels, c input
// channels, h × w the kernel.
typedef struct shape {
  int n, c, h, w;
} shape;

// What a tensor is for; from this and the device's class follows how it lies in device memory and of what type its elements are
// there, see layout.c. Files and the host side always use floats in the row-major order of `shape`.
typedef enum tensor_role {
  ROLE_ACTIVATION,         // images, features, vectors of them, and parameters that are a number a channel
  ROLE_WEIGHT,             // (n = out, c = in, h, w)
  ROLE_WEIGHT_TRANSPOSED,  // (n = in, c = out, h, w), PyTorch's order for transposed convolutions
  ROLE_TABLE,              // words that the host and shaders lay out by themselves
} tensor_role;

typedef enum element_type {
  ELEMENT_F32,
  ELEMENT_F16,  // stored so, two in a word; shaders compute in single precision, by unpackHalf2x16 and packHalf2x16
} element_type;

typedef enum tensor_kind {
  TENSOR_ACTIVATION,  // made by a node, placed by the planner, dead after its last use
  TENSOR_INPUT,       // lives as long as the program; the host writes it, nodes may update it
  TENSOR_PARAMETER,   // lives in the model; `home` says where
  TENSOR_GRADIENT,    // of a parameter; made by a node, but lives outside, like the parameter itself
  TENSOR_EXTERNAL,    // lives where the caller said; the host and nodes may write it
} tensor_kind;

// What a parameter is for, which says how it lies in memory and whether it is learned.
typedef enum parameter_role {
  PARAMETER_WEIGHT,             // of a convolution, (out, in, h, w), or a linear layer, (out, in)
  PARAMETER_WEIGHT_TRANSPOSED,  // of a transposed convolution, (in, out, h, w)
  PARAMETER_VECTOR,             // (channels): a bias, a norm's scale and shift
  PARAMETER_MEAN,               // (channels): a running statistic, not learned
  PARAMETER_VARIANCE,           // the same, and never negative
} parameter_role;

// What is said of a parameter where it is born.
typedef struct parameter_desc {
  parameter_role role;
  int dim_count, dims[4];  // as PyTorch and files have them
  double constant, bound;  // initial values: uniform in constant ± bound
  bool optional;           // a file may lack it: it is drawn then, from a fixed seed
} parameter_desc;

typedef struct node node;
typedef struct graph graph;

typedef struct tensor {
  char name[NAME_BYTES];
  shape shape;
  tensor_role role;
  unsigned char layout;  // of layout.c
  element_type type;
  tensor_kind kind;
  parameter_desc parameter;  // of one
  bool requires_grad;  // a learned parameter, or made from one
  bool keep;           // an activation that the host reads after a run: never aliased
  int index;           // in graph->tensors
  node *producer;      // NULL for inputs and parameters
  struct tensor *grad; // gradient of the loss by this tensor, once a pass made it
  const struct tensor *gradient_of;  // the parameter whose gradient this is, or the running one whose statistic of a batch
  struct tensor *view_of;  // what it is a part of, from view_offset bytes on, or NULL; views.h makes these
  size_t view_offset;
  size_t held_bytes;       // of one that views.h made of a buffer: without what lies between its parts; else 0
  uint32_t *contents;  // of an input that the program fills when it is made, or NULL
  binding home;        // where it lies: set by the model (parameters) or the planner (the rest)
} tensor;

// When a node runs. A program makes one command buffer of each stage that has nodes, and a run is a sequence of them.
typedef enum stage {
  STAGE_PREPARE,   // when weights have changed: what is made of them alone, such as folded weights
  STAGE_ONCE,      // when a run begins: what all its steps read, such as embeddings of all timesteps
  STAGE_STEP,      // for each step of sampling; all of a network that runs a single time
  STAGE_GRADIENT,  // for each batch of a training step: the batch, its loss, the gradients
  STAGE_UPDATE,    // for each training step, after that: all that lasts
  STAGE_COUNT
} stage;

// Stages in the order in which they run.
typedef struct sequence {
  const stage *stages;
  int count;
} sequence;

#define SEQUENCE(...) \
  (struct sequence) { (const enum stage[]){__VA_ARGS__}, (int)(sizeof((const enum stage[]){__VA_ARGS__}) / sizeof(enum stage)) }
#define SEQUENCE_ALL SEQUENCE(STAGE_PREPARE, STAGE_ONCE, STAGE_STEP, STAGE_GRADIENT, STAGE_UPDATE)

struct kernel;

// Places that ops offer to nodes beside theirs: the node that goes there disappears, and the other does its work too.
typedef enum slot {
  SLOT_NONE,
  SLOT_SECOND,      // before it: what is concatenated after input 0
  SLOT_LOAD,        // before it: what makes its first input of a smaller one
  SLOT_WEIGHT,      // after it: normalisation, folded into the weight, and the bias after it
  SLOT_ACTIVATION,  // after it: the epilogue's
  SLOT_RESIDUAL,    // after it: a sum, of which this is the other term
  SLOT_SCALE,       // after it: a factor, a term or both, and the step that chooses them, as the inputs after the first of that node
  SLOT_TERM,        // before it: a term of its first input, of which it takes as many inputs in the same way
  SLOT_POOL,        // after it: pooling
  SLOT_MEAN,        // beside it: the mean of its first input, one more output
  SLOT_ADVANCE,     // right after it: what goes on to the next step
  SLOT_COUNT
} slot;

// Activations that would have to lie in one tensor, to be parts of it.
enum { JOIN_PAIRS = 2, JOINS = 2 };
typedef struct join_pairs {
  const tensor *of[JOIN_PAIRS][2];
  int count;
} join_pairs;

// How several nodes of an op become one, and one launch does the work of all; an op has up to JOINS ways.
typedef struct join {
  enum {
    JOIN_EARLIER,  // into a node before it, where the inputs of both are ready
    JOIN_LATER,    // into a node after it: nobody takes the outputs before all nodes have run
    JOIN_NEIGHBOUR // into the node right before it
  } where;
  // Whether `node` could do the work of `other`, and which pairs, none unless named, would lie in one tensor then.
  bool (*fits)(const graph *graph, const node *node, const struct node *other, join_pairs *pairs);
  // Lets it, where it fits; the caller removes `other`. False, perhaps with the graph's failure: nothing was joined.
  bool (*take)(graph *graph, node *node, struct node *other);
} join;

// An op: its kernels, and which nodes make its gradients. Shapes are checked by its builder.
typedef struct op {
  const char *name;
  const struct kernel *kernels;  // the ways to do its nodes: a table, see kernel.h
  // Appends the nodes that make the gradients of the node's inputs from that of its output; it may give the node outputs that
  // these need. NULL: no gradient flows through.
  void (*backward)(graph *graph, node *node);
  double (*gradient_share)(const node *node);        // a loss: what one term of it counts, more than 0; else NULL
  double (*multiply_adds)(const node *node);         // NULL: not worth counting

  // Traits: what passes may do to its nodes.
  slot fills;                         // where a node can go, beside another
  unsigned char slots[SLOT_COUNT];    // what it offers: the place of the slot's first input, or 1 where it has none; 0: nothing
  bool (*offers)(const graph *graph, const node *node, slot slot);  // NULL, or whether this node does
  // Gives the node what no input says: NULL if there is no such thing. SLOT_SECOND: makes it ready for `other`'s inputs.
  // False: it cannot be.
  bool (*take)(graph *graph, node *node, slot slot, struct node *other);
  // Appends the node that folds this one, in a SLOT_WEIGHT, into *weight and *bias. False if it cannot be folded.
  bool (*fold)(graph *graph, const node *node, tensor **weight, tensor **bias);
  bool (*cancels_bias)(const node *node);  // NULL, or whether it subtracts again what the bias before it added
  bool differentiates_activation;          // backward goes through the epilogue's activation too
  const join *joins[JOINS];                // in which ways a launch may do the work of several nodes
  unsigned writes;                         // what the `writes` of its nodes begin as
} op;

// First member of the attributes of ops that finish their output with an activation, and a residual:
// y = (activation(…) + residual) · scale.
typedef struct epilogue {
  uint32_t activation;  // ACTIVATION_… of shaders/types.h
  float scale;
} epilogue;

struct node {
  const op *op;
  char label[NAME_BYTES];  // path of the layer, "down1/model.0/conv1"
  stage stage;
  int index;
  bool removed;            // by a pass
  unsigned writes;         // bits of the inputs that it writes in place; a node writes all its outputs, and nothing else
  unsigned without_gradient;  // bits of inputs that the loss does not depend on, found by a pass
  tensor *inputs[MAX_INPUTS];  // NULL where an optional one is absent
  int input_count;
  tensor *outputs[MAX_OUTPUTS];
  int output_count;
  _Alignas(8) unsigned char attributes[ATTRIBUTE_BYTES];  // the op's own struct
};

struct graph {
  const device_caps *caps;
  stage stage;             // of nodes appended now
  bool train;              // gradients will be asked for: passes keep what they need
  float gradient_scale;    // of gradients while they are in half precision: a power of two
  bool frozen;             // parameters appended now are not learned: another network's, or none to be trained
  struct {                 // what is to be differentiated: see graph_note_loss
    tensor *output, *seed;
  } noted;
  char scope[NAME_BYTES];  // prefix of names and labels appended now
  node **nodes;
  int node_count;
  tensor **tensors;
  int tensor_count;
  mote_status status;      // of the first failure
  mote_error error;
};

// `caps` is borrowed and may be NULL for a graph that will not run (to list parameters, to count work).
graph *graph_create(const device_caps *caps);
void graph_destroy(graph **graph);

// Appends `name` to the scope, "down1" then "model.0", and takes the last one off again.
void graph_push(graph *graph, const char *name);
void graph_pop(graph *graph);

// New tensors, except that a parameter of a known name is that parameter again, and learned unless the graph is `frozen`.
// Names of inputs and parameters are taken relative to the scope, '/' written as '.'.
tensor *graph_input(graph *graph, const char *name, shape shape, tensor_role role);
tensor *graph_parameter(graph *graph, const char *name, const parameter_desc *desc);
// An input of `count` words that the program fills with its `contents` when it is made: zeros, until others are set. Nodes may
// update it.
tensor *graph_table(graph *graph, const char *name, int count);
// A tensor that lives at `home`, which the caller keeps.
tensor *graph_external(graph *graph, const char *name, shape shape, tensor_role role, binding home);

// An activation that nodes' outputs are parts of.
tensor *graph_activation(graph *graph, const char *name, shape shape, tensor_role role);

// Notes that the gradient of the loss by `output` is `seed`, from which a pass makes those of all tensors that require one. NULL
// tensors: something failed before.
void graph_note_loss(graph *graph, tensor *output, tensor *seed);

// Takes away the tensors from `count` on, which nothing uses.
void graph_truncate(graph *graph, int count);

tensor *graph_find(const graph *graph, const char *name);

// Records the first failure, in printf's manner, and returns NULL for builders to pass on.
void *graph_fail(graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *graph_fail_memory(graph *graph);

// Appends a node with these inputs (NULL entries allowed where `optional` has the bit) and a copy of `attributes`.
// NULL if an input that is needed is NULL: something failed before.
node *graph_append(graph *graph, const op *op, tensor *const *inputs, int input_count, unsigned optional,
                   const void *attributes, size_t attribute_bytes);

// Gives the node one more output.
tensor *node_output(graph *graph, node *node, shape shape, tensor_role role);

// Multiply-adds of all nodes of a stage: convolutions and linear layers, as the field counts.
double graph_multiply_adds(const graph *graph, stage stage);

bool shape_equal(shape a, shape b);

// "2x64x16x16", by value, so that several can stand in one message.
typedef struct shape_text {
  char text[56];
} shape_text;
shape_text shape_format(shape shape);

// Gives a new tensor the layout and the element type that follow from its role and the device's class.
void layout_assign(tensor *tensor, mote_kernels class);

// Elements in row-major form, and bytes on the device, padding included.
size_t tensor_elements(const tensor *tensor);
size_t tensor_bytes(const tensor *tensor);

static inline int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

#endif

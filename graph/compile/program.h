// program.h: a graph made ready to run: launches, memory, and one recorded command buffer a stage.
#ifndef MOTE_GRAPH_COMPILE_PROGRAM_H
#define MOTE_GRAPH_COMPILE_PROGRAM_H

#include "graph/compile/passes.h"
#include "graph/compile/place.h"
#include "graph/ir/graph.h"
#include "graph/kernels/launch.h"

typedef struct program program;

typedef struct program_desc {
  mote_device *device;
  graph *graph;          // owned by the program from here on, also on failure
  const char *name;      // shown by debuggers
  unsigned without_passes; // PASS_… bits to leave out
  bool timed;            // read the device's clock around every dispatch
  size_t guard_bytes;    // with separate buffers: known bytes after every tensor, inside its binding (tests)
} program_desc;

typedef struct program_info {
  commands_info commands;  // of all stages, each counted once
  plan_result activations;
  size_t memory_bytes;  // of all buffers; parameters not included
} program_info;

// What program_create would take from the device.
typedef struct program_needs {
  uint64_t memory_bytes;
  uint32_t allocations, kernels;  // kernels that the device does not have yet
  uint64_t largest_bytes;         // of the inputs, which the host writes
  uint64_t allocation_bytes;      // of the largest allocation
  uint64_t binding_bytes;         // of the largest tensor, and its name
  char binding_name[NAME_BYTES];
} program_needs;

// Plans the program, makes nothing, and adds to `needs`; what is larger than the device binds or has is no failure here. The graph is
// destroyed.
mote_status program_measure(const program_desc *desc, program_needs *needs, mote_error *error);

// Fails as program_create would where a tensor is larger than the device binds.
mote_status program_needs_check(const mote_device *device, const program_needs *needs, mote_error *error);

// Makes the kernels that the program would take, and nothing else. The graph is destroyed.
mote_status program_make_pipelines(const program_desc *desc, mote_error *error);

mote_status program_create(const program_desc *desc, program **out, mote_error *error);
void program_destroy(program **program);

// Runs a sequence of stages `repeat` times, all in one submission. Stages that have no nodes count for nothing.
mote_status program_run(program *program, sequence sequence, uint32_t repeat, mote_error *error);

// Copies a tensor from or to row-major floats (ROLE_TABLE: any 4-byte values). Only inputs may be written; inputs,
// parameters and kept activations may be read. Rows NULL writes zeros.
mote_status program_write(program *program, tensor *tensor, const void *rows, mote_error *error);
mote_status program_read(program *program, const tensor *tensor, void *rows, mote_error *error);

// The name of the first tensor whose guard bytes were overwritten, or NULL (also without guards).
mote_status program_check_guards(program *program, const char **overrun, mote_error *error);

// One stage's recorded commands, NULL where the stage is empty.
commands *program_commands(program *program, stage stage);

// Records dispatches of a sequence of stages once more, the caller's to run and destroy: `count` of them from `first`, 0 for all.
typedef struct program_span {
  sequence sequence;
  int first, count;
  bool timed;
} program_span;

mote_status program_record(program *program, const program_span *span, commands **out, mote_error *error);

// Dispatches of a sequence of stages, counted over all of it.
int program_dispatch_count(const program *program, sequence sequence);
const launch *program_get_launch(const program *program, sequence sequence, int index);
const struct kernel *program_get_kernel(const program *program, sequence sequence, int index);
const node *program_get_node(const program *program, sequence sequence, int index);  // whose launch it is

// What one dispatch is and has to do at least. Strings live as long as the program.
typedef struct program_work {
  const char *label, *op, *kernel;
  bool cooperative;   // the kernel multiplies cooperative matrices
  shape shape;        // of the node's first output, or of its first input where it works in place
  double operations;  // two a multiply-add, at the node's first dispatch
  double bytes;       // of all tensors bound, each counted once
} program_work;

program_work program_get_work(const program *program, sequence sequence, int index);

program_info program_get_info(const program *program);
commands_info program_get_commands_info(const program *program, sequence sequence);
graph *program_graph(program *program);
mote_device *program_device(const program *program);

#endif

// launch.h: launches, what an op makes of its nodes: a dispatch of a kernel on tensors, described but not recorded.
#ifndef MOTE_GRAPH_KERNELS_LAUNCH_H
#define MOTE_GRAPH_KERNELS_LAUNCH_H

#include <stddef.h>

#include "graph/ir/graph.h"

// One dispatch.
struct launch {
  const char *shader;                 // file name in shaders/ without .comp
  uint32_t spec[MAX_SPEC_CONSTANTS];  // specialization constants 0, 1, …
  uint32_t spec_count;
  tensor *bindings[MAX_BINDINGS];  // by binding number; all that the shader declares must be there
  uint32_t binding_count;
  const void *push;  // the shader's parameter struct
  uint32_t push_bytes;
  uint32_t push_places;  // PUSH_PLACE bits of its members that say where the work lies, not what it is
  bool uniform;          // the shader includes shaders/glsl/uniform.glsl: what that wants follows the parameter struct
  uint32_t groups[3];    // workgroups; 0 counts as 1
};
typedef struct launch launch;

#define PUSH_PLACE(parameters, member) (1u << (offsetof(struct parameters, member) / 4))

// A launch with what it was made of.
typedef struct launch_entry {
  const node *node;
  const struct kernel *kernel;
  launch launch;  // its `push` points to what the op had; the copy is the next member
  unsigned char push[MAX_PUSH_BYTES];
} launch_entry;

// One of the ways in which a kernel can do a node.
enum { VARIANT_WORDS = 6, MOST_VARIANTS = 16 };
typedef struct variant {
  uint32_t order;            // of summation, by a number of the kernel's own: variants of one order make the same bits
  bool unlikely;             // has not been found faster anywhere: only a full search tries it
  int words[VARIANT_WORDS];  // which it is, as the kernel means them
} variant;

// A copy of a weight that launches of the list make: see packing.h.
typedef struct packed_copy {
  const tensor *weight;
  const struct packing *packing;
  tensor *copy;
} packed_copy;

// The launches of a list of nodes, in their order. All members may be read; zero is an empty list, for no device.
typedef struct launches {
  graph *graph;             // of the nodes; NULL: nothing asks for scratch
  const device_caps *caps;  // of the device that they are for
  bool train;               // forward passes of which gradients are taken
  const node *node;         // whose launches are added now
  const struct kernel *kernel;  // and by which of its op's kernels,
  variant variant;              // in which of its ways
  struct launches *prepare;     // that run when weights have changed: STAGE_PREPARE; NULL: these are they
  launch_entry *entries;
  int count;
  packed_copy *copies;
  int copy_count;
} launches;

void launches_finish(launches *launches);

// Appends a launch, which is copied with its push constants. Called by ops.
mote_status launches_add(launches *launches, const launch *launch, mote_error *error);

// What a launch binds for `parts` of several layers, which share a binding: see views.h.
mote_status launches_bind(const launches *launches, tensor *const *parts, int count, tensor **out, mote_error *error);

// What the launches of one node need beside its inputs and outputs: a tensor of `count` words. Scratch is dead once the last of them
// has run. A table stays: its `contents`, zeros or what the caller makes of them, are there before the first run.
mote_status launches_scratch(const launches *launches, int count, tensor **out, mote_error *error);
mote_status launches_table(const launches *launches, int count, tensor **out, mote_error *error);

// Workgroups along x and y for `invocations` in groups of `local`; shaders/glsl/index.glsl undoes the split.
void spread(uint64_t invocations, uint32_t local, uint32_t groups[3]);

#endif

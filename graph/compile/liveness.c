// liveness.c: counts the bytes of the activations that are alive at each node.
#include "graph/compile/liveness.h"

#include <stdlib.h>

// Nodes between which a tensor is alive; first > last: never.
typedef struct life {
  int first, last;
} life;

static const tensor *owner(const tensor *tensor) { return tensor->view_of ? tensor->view_of : tensor; }

static void count_use(life *lives, const tensor *tensor, int node) {
  if (!tensor) return;
  life *life = &lives[owner(tensor)->index];
  if (node < life->first) life->first = node;
  if (node > life->last) life->last = node;
}

static void find_lives(const graph *graph, life *lives) {
  for (int i = 0; i < graph->tensor_count; i++) lives[i] = (life){graph->node_count, -1};
  for (int i = 0; i < graph->node_count; i++) {
    const node *node = graph->nodes[i];
    for (int k = 0; k < node->input_count && !node->removed; k++) count_use(lives, node->inputs[k], i);
    for (int k = 0; k < node->output_count && !node->removed; k++) count_use(lives, node->outputs[k], i);
  }
}

static size_t most(const size_t *bytes, int count) {
  size_t most = 0;
  for (int i = 0; i < count; i++)
    if (bytes[i] > most) most = bytes[i];
  return most;
}

// `tensor` is alive over all of `to`.
static void extend(size_t *bytes, const tensor *tensor, life of, life to) {
  for (int i = to.first; i <= to.last; i++)
    if (i < of.first || i > of.last) bytes[i] += tensor_bytes(tensor);
}

bool alive_can_share(const graph *graph, const alive_pair *pairs, int pair_count, int last_node) {
  life *lives = malloc(((size_t)graph->tensor_count + 1) * sizeof *lives);
  size_t *bytes = calloc((size_t)graph->node_count + 1, sizeof *bytes);
  bool fits = lives && bytes;
  if (fits) {
    find_lives(graph, lives);
    for (int i = 0; i < graph->tensor_count; i++)
      if (graph->tensors[i]->kind == TENSOR_ACTIVATION && lives[i].first <= lives[i].last)
        for (int k = lives[i].first; k <= lives[i].last; k++) bytes[k] += tensor_bytes(graph->tensors[i]);
    size_t before = most(bytes, graph->node_count);
    for (int i = 0; i < pair_count; i++) {
      const tensor *a = owner(pairs[i].a), *b = owner(pairs[i].b);
      life of_a = lives[a->index], of_b = lives[b->index];
      life both = {of_a.first < of_b.first ? of_a.first : of_b.first, of_a.last > of_b.last ? of_a.last : of_b.last};
      if (both.last < last_node) both.last = last_node;
      extend(bytes, a, of_a, both);
      extend(bytes, b, of_b, both);
    }
    fits = most(bytes, graph->node_count) <= before;
  }
  free(lives);
  free(bytes);
  return fits;
}

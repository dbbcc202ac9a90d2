// liveness.c: from where to where tensors are alive, and how many bytes that is.
#include "graph/compile/liveness.h"

#include <limits.h>
#include <stdlib.h>

static const tensor *owner(const tensor *tensor) { return tensor->view_of ? tensor->view_of : tensor; }

life *liveness_create(const graph *graph) {
  life *lives = malloc(((size_t)graph->tensor_count + 1) * sizeof *lives);
  for (int i = 0; lives && i < graph->tensor_count; i++) lives[i] = (life){INT_MAX, -1};
  return lives;
}

void liveness_use(life *lives, const tensor *tensor, int at) {
  if (!tensor) return;
  life *life = &lives[owner(tensor)->index];
  if (at < life->first) life->first = at;
  if (at > life->last) life->last = at;
}

static int stage_at(const int ends[STAGE_COUNT], int at) {
  int stage = 0;
  while (at >= ends[stage]) stage++;
  return stage;
}

void liveness_stay(const graph *graph, life *lives, const int ends[STAGE_COUNT]) {
  for (int i = 0; i < graph->tensor_count; i++) {
    life *life = &lives[i];
    if (life->last >= 0 && stage_at(ends, life->first) != stage_at(ends, life->last)) life->last = ends[STAGE_COUNT - 1];
  }
}

static void use_node(const node *node, life *lives, int at) {
  for (int k = 0; k < node->input_count && !node->removed; k++) liveness_use(lives, node->inputs[k], at);
  for (int k = 0; k < node->output_count && !node->removed; k++) liveness_use(lives, node->outputs[k], at);
}

// Places are nodes, stage by stage; returns that of `last`.
static int use_nodes(const graph *graph, const node *last, life *lives) {
  int at = 0, place = 0, ends[STAGE_COUNT];
  for (int stage = 0; stage < STAGE_COUNT; stage++) {
    for (int i = 0; i < graph->node_count; i++) {
      if ((int)graph->nodes[i]->stage != stage) continue;
      if (graph->nodes[i] == last) place = at;
      use_node(graph->nodes[i], lives, at++);
    }
    ends[stage] = at;
  }
  liveness_stay(graph, lives, ends);
  return place;
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

static void count_bytes(const graph *graph, const life *lives, size_t *bytes) {
  for (int i = 0; i < graph->tensor_count; i++)
    for (int k = lives[i].first; k <= lives[i].last && graph->tensors[i]->kind == TENSOR_ACTIVATION; k++)
      bytes[k] += tensor_bytes(graph->tensors[i]);
}

static void share(const tensor *a, const tensor *b, const life *lives, int last, size_t *bytes) {
  const life of_a = lives[a->index], of_b = lives[b->index];
  life both = {of_a.first < of_b.first ? of_a.first : of_b.first, of_a.last > of_b.last ? of_a.last : of_b.last};
  if (both.last < last) both.last = last;
  extend(bytes, a, of_a, both);
  extend(bytes, b, of_b, both);
}

bool liveness_can_share(graph *graph, const join_pairs *pairs, const node *last) {
  life *lives = liveness_create(graph);
  size_t *bytes = calloc((size_t)graph->node_count + 1, sizeof *bytes);
  bool fits = lives && bytes;
  if (fits) {
    const int place = use_nodes(graph, last, lives);
    count_bytes(graph, lives, bytes);
    size_t before = most(bytes, graph->node_count);
    for (int i = 0; i < pairs->count; i++) share(owner(pairs->of[i][0]), owner(pairs->of[i][1]), lives, place, bytes);
    fits = most(bytes, graph->node_count) <= before;
  } else {
    graph_fail_memory(graph);
  }
  free(lives);
  free(bytes);
  return fits;
}

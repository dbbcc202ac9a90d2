// views.c: puts several tensors into one.
#include "graph/ir/views.h"

#include <stdio.h>

static bool is_placed(const tensor *tensor) {
  return tensor->kind == TENSOR_ACTIVATION || tensor->kind == TENSOR_INPUT;
}

// Where a view that is put after `bytes` bytes begins.
static size_t place_after(const graph *graph, size_t bytes) {
  size_t alignment = graph->caps->alignment;
  return (bytes + alignment - 1) / alignment * alignment;
}

static binding hull(const binding *a, const binding *b) {
  size_t begin = a->offset < b->offset ? a->offset : b->offset;
  size_t a_end = a->offset + a->bytes, b_end = b->offset + b->bytes;
  return (binding){a->buffer, begin, (a_end > b_end ? a_end : b_end) - begin};
}

static binding hull_of(tensor *const *parts, int count) {
  binding all = parts[0]->home;
  for (int i = 1; i < count; i++) all = hull(&all, &parts[i]->home);
  return all;
}

bool share_fits(const graph *graph, tensor *const *parts, int count, const tensor *more) {
  const tensor *whole = parts[0]->view_of ? parts[0]->view_of : parts[0];
  if (more == whole || more->view_of) return more == whole || more->view_of == whole;
  uint64_t most = graph->caps->max_binding_bytes;
  if (is_placed(whole))
    return more->kind == whole->kind && place_after(graph, tensor_bytes(whole)) + tensor_bytes(more) <= most;
  const binding all = hull_of(parts, count);
  return !is_placed(more) && more->home.bytes && more->home.buffer == all.buffer && hull(&all, &more->home).bytes <= most;
}

static void become_view(tensor *part, tensor *whole, size_t offset) {
  part->view_of = whole;
  part->view_offset = offset;
  whole->keep |= part->keep;
  whole->shape.c = (int)((offset + tensor_bytes(part)) / 4);
}

// What is to hold `first` and others.
static tensor *make_whole(graph *graph, const tensor *first, binding home) {
  char name[NAME_BYTES];
  snprintf(name, sizeof name, "%.80s and others", first->name);
  if (!is_placed(first)) return graph_external(graph, name, (shape){1, (int)(home.bytes / 4), 1, 1}, ROLE_TABLE, home);
  tensor *whole = graph_activation(graph, name, (shape){1, 1, 1, 1}, ROLE_TABLE);
  if (whole) whole->kind = first->kind;
  return whole;
}

bool share_add(graph *graph, tensor *first, tensor *more) {
  if (!is_placed(first)) return true;
  if (!first->view_of) {
    tensor *whole = make_whole(graph, first, (binding){0});
    if (!whole) return false;
    become_view(first, whole, 0);
  }
  if (!share_fits(graph, &first, 1, more)) return false;
  if (!more->view_of) become_view(more, first->view_of, place_after(graph, tensor_bytes(first->view_of)));
  return true;
}

tensor *share_whole(graph *graph, tensor *const *parts, int count) {
  if (count == 1) return parts[0];
  if (parts[0]->view_of) return parts[0]->view_of;
  tensor *whole = make_whole(graph, parts[0], hull_of(parts, count));
  for (int i = 0; i < count && whole; i++) whole->held_bytes += tensor_bytes(parts[i]);
  return whole;
}

bool share_bytes(const tensor *one, const tensor *other) {
  const binding *a = &one->home, *b = &other->home;
  return one == other || (a->bytes && b->bytes && a->buffer == b->buffer && a->offset < b->offset + b->bytes &&
                          b->offset < a->offset + a->bytes);
}

uint32_t share_offset(const tensor *whole, const tensor *part) {
  if (part->view_of == whole) return (uint32_t)(part->view_offset / 16);
  return (uint32_t)((part->home.offset - whole->home.offset) / 16);
}

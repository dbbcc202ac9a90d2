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

bool share_fits(const graph *graph, const tensor *whole, const tensor *part) {
  if (whole->view_of) whole = whole->view_of;
  if (part == whole || part->view_of) return part == whole || part->view_of == whole;
  uint64_t most = graph->caps->max_binding_bytes;
  if (is_placed(whole))
    return part->kind == whole->kind && place_after(graph, tensor_bytes(whole)) + tensor_bytes(part) <= most;
  return !is_placed(part) && part->home.bytes && part->home.buffer == whole->home.buffer &&
         hull(&whole->home, &part->home).bytes <= most;
}

static void become_view(tensor *part, tensor *whole, size_t offset) {
  part->view_of = whole;
  part->view_offset = offset;
  whole->keep |= part->keep;
  whole->shape.c = (int)((offset + tensor_bytes(part)) / 4);
}

tensor *share_begin(graph *graph, tensor *first) {
  if (first->view_of) return first->view_of;
  char name[NAME_BYTES];
  snprintf(name, sizeof name, "%.80s and others", first->name);
  shape shape = {1, (int)(first->home.bytes / 4), 1, 1};
  tensor *whole = is_placed(first) ? graph_activation(graph, name, (struct shape){1, 1, 1, 1}, LAYOUT_RAW)
                                   : graph_external(graph, name, shape, first->home);
  if (!whole) return NULL;
  if (is_placed(first)) {
    whole->kind = first->kind;
    become_view(first, whole, 0);
  } else {
    whole->held_bytes = tensor_bytes(first);
  }
  return whole;
}

bool share_add(const graph *graph, tensor *whole, tensor *part) {
  if (!share_fits(graph, whole, part)) return false;
  if (part->view_of) return true;
  if (is_placed(whole)) {
    become_view(part, whole, place_after(graph, tensor_bytes(whole)));
  } else {
    whole->home = hull(&whole->home, &part->home);
    whole->shape.c = (int)(whole->home.bytes / 4);
    whole->held_bytes += tensor_bytes(part);
  }
  return true;
}

uint32_t share_offset(const tensor *whole, const tensor *part) {
  if (part->view_of == whole) return (uint32_t)(part->view_offset / 16);
  return (uint32_t)((part->home.offset - whole->home.offset) / 16);
}

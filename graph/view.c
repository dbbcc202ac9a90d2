// view.c: several tensors as parts of one.
#include "graph/view.h"

void view_append(tensor *whole, tensor *part, size_t alignment) {
  size_t bytes = whole->shape.c > 1 ? tensor_bytes(whole) : 0;  // a new one has one element
  part->view_of = whole;
  part->view_offset = (bytes + alignment - 1) / alignment * alignment;
  whole->shape.c = (int)((part->view_offset + tensor_bytes(part)) / 4);
}

void view_widen(tensor *all, const binding *part) {
  size_t begin = all->home.offset, end = begin + all->home.bytes, part_end = part->offset + part->bytes;
  if (part->offset < begin) begin = part->offset;
  if (part_end > end) end = part_end;
  all->home.offset = begin;
  all->home.bytes = end - begin;
  all->shape.c = (int)(all->home.bytes / 4);
}

// arena.c: lays out what launches bind, fills it, and finds it again.
#include "graph/compile/arena.h"

#include <stdlib.h>

#include "graph/ir/half.h"

#include "runtime/list.h"

enum { FILL_FLOATS = 1 << 14 };

void arena_finish(arena *arena) {
  buffer_destroy(&arena->buffer);
  free(arena->spans);
  arena->spans = NULL;
  arena->span_count = 0;
}

static const tensor *owner(const tensor *tensor) { return tensor->view_of ? tensor->view_of : tensor; }

static size_t bound_bytes(const tensor *tensor) { return (tensor_bytes(tensor) + 15) / 16 * 16; }

static arena_span span_of(const tensor *tensor) {
  const binding home = owner(tensor)->home;  // only of tensors that the program does not place
  if (home.buffer) return (arena_span){.buffer = home.buffer, .from = home.offset, .to = home.offset + bound_bytes(tensor)};
  return (arena_span){.tensor = owner(tensor), .to = bound_bytes(owner(tensor))};
}

static bool is_of(const arena_span *span, const arena_span *one) {
  return span->tensor == one->tensor && span->buffer == one->buffer;
}

static bool add(arena *arena, const tensor *tensor) {
  if (!tensor) return true;
  const arena_span one = span_of(tensor);
  for (int i = 0; i < arena->span_count; i++) {
    arena_span *span = &arena->spans[i];
    if (!is_of(span, &one)) continue;
    if (one.from < span->from) span->from = one.from;
    if (one.to > span->to) span->to = one.to;
    return true;
  }
  if (!LIST_ROOM(arena->spans, arena->span_count)) return false;
  arena->spans[arena->span_count++] = one;
  return true;
}

static mote_status add_all(arena *arena, const node *node, const launches *launches, mote_error *error) {
  bool room = true;
  arena->span_count = 0;
  for (int i = 0; i < node->input_count; i++) room = room && add(arena, node->inputs[i]);
  for (int i = 0; i < node->output_count; i++) room = room && add(arena, node->outputs[i]);
  for (const struct launches *list = launches; list; list = list->prepare)
    for (int i = 0; i < list->count; i++)
      for (uint32_t b = 0; b < list->entries[i].launch.binding_count; b++)
        room = room && add(arena, list->entries[i].launch.bindings[b]);
  size_t alignment = device_get_caps(arena->device)->alignment;
  arena->end = 0;
  for (int i = 0; i < arena->span_count; i++) {
    arena_span *span = &arena->spans[i];
    span->at = arena->end;
    arena->end = (span->at + span->to - span->from + alignment - 1) / alignment * alignment;
  }
  return room ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
}

mote_status arena_hold(arena *arena, const node *node, const launches *lists, int count, mote_error *error) {
  size_t most = 0;
  for (int i = 0; i < count; i++) {
    TRY(add_all(arena, node, &lists[i], error));
    if (arena->end > most) most = arena->end;
  }
  if (arena->buffer && buffer_bytes(arena->buffer) >= most) return MOTE_OK;
  buffer_destroy(&arena->buffer);
  return buffer_create(arena->device, most, "tuning", &arena->buffer, error);
}

binding arena_home(const arena *arena, const tensor *tensor) {
  const arena_span one = span_of(tensor);
  const arena_span *span = arena->spans;
  while (!is_of(span, &one)) span++;
  return (binding){arena->buffer, span->at + one.from - span->from + tensor->view_offset, bound_bytes(tensor)};
}

static mote_status fill_tables(const arena *arena, const launch *launch, mote_error *error) {
  for (uint32_t b = 0; b < launch->binding_count; b++) {
    const tensor *table = launch->bindings[b];
    if (table && table->contents)
      TRY(buffer_upload(arena->buffer, arena_home(arena, table).offset, table->contents, tensor_bytes(table), error));
  }
  return MOTE_OK;
}

mote_status arena_take(arena *arena, const node *node, const launches *launches, mote_error *error) {
  TRY(add_all(arena, node, launches, error));
  for (const struct launches *list = launches; list; list = list->prepare)
    for (int i = 0; i < list->count; i++) TRY(fill_tables(arena, &list->entries[i].launch, error));
  return MOTE_OK;
}

mote_status arena_fill(const arena *arena, const tensor *tensor, mote_error *error) {
  static const float zeros[FILL_FLOATS];
  union {
    float whole;
    uint16_t halves[2];
  } numbers[FILL_FLOATS];
  const binding home = arena_home(arena, tensor);
  bool vector = tensor->shape.n == 1 && tensor->shape.h * tensor->shape.w == 1;
  for (uint32_t i = 0; i < FILL_FLOATS; i++) {
    float number = (float)((int32_t)(i * 2654435761u) >> 8) / 8388608.0f;
    number = vector && number < 0 ? -number : number;
    numbers[i].whole = number;
    if (tensor->type == ELEMENT_F16) numbers[i].halves[0] = numbers[i].halves[1] = half_from_float(number);
  }
  for (size_t at = 0; at < home.bytes; at += sizeof numbers) {
    size_t left = home.bytes - at;
    TRY(buffer_upload(home.buffer, home.offset + at, tensor->role == ROLE_TABLE ? (const void *)zeros : numbers,
                      left < sizeof numbers ? left : sizeof numbers, error));
  }
  return MOTE_OK;
}

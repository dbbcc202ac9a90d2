// program.c: lowers a graph to launches, places its tensors, and records one command buffer a stage.
#include "graph/compile/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile/choose.h"
#include "graph/compile/liveness.h"
#include "graph/compile/record.h"
#include "graph/ir/layout.h"
#include "graph/kernels/kernel.h"
#include "shaders/types.h"

enum { GUARD_BYTE = 0xFF };  // not a number, which shows where it is read, too

struct program {
  mote_device *device;
  graph *graph;
  const char *name;
  bool timed;
  size_t guard_bytes;
  launches launches[STAGE_COUNT];
  buffer **buffers;  // the arenas, or one a tensor
  int buffer_count;
  commands *commands[STAGE_COUNT];  // NULL where the stage is empty
  plan_result activations;
  program_needs *needs;  // only measured: no buffer is made
  float *scratch;  // for packing; grows to the largest tensor
  size_t scratch_bytes;
};

static const device_caps *program_caps(const program *program) { return device_get_caps(program->device); }
graph *program_graph(program *program) { return program->graph; }
mote_device *program_device(const program *program) { return program->device; }

static const launch_entry *entry_at(const program *program, sequence sequence, int index) {
  const launches *launches = &program->launches[*sequence.stages];
  while (index >= launches->count) {
    index -= launches->count;
    launches = &program->launches[*++sequence.stages];
  }
  return &launches->entries[index];
}

// ---------------------------------------------------------------------------------------------------------------------
// Lowering

static mote_status append_launches(program *program, const way *ways, mote_error *error) {
  for (int stage = 0; stage < STAGE_COUNT; stage++) {
    launches *launches = &program->launches[stage];
    launches->graph = program->graph;
    launches->caps = program->graph->caps;
    launches->train = program->graph->train;
    if (stage != STAGE_PREPARE) launches->prepare = &program->launches[STAGE_PREPARE];
    for (int i = 0; i < program->graph->node_count; i++) {
      const node *node = program->graph->nodes[i];
      if (node->stage == (enum stage)stage && !node->removed) TRY(kernel_launch(launches, node, &ways[i], error));
    }
  }
  return MOTE_OK;
}

static mote_status lower(program *program, mote_error *error) {
  way *ways = calloc((size_t)program->graph->node_count + 1, sizeof *ways);
  if (!ways) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = choose(program->device, program->graph, !program->needs, ways, error);
  if (!status) status = append_launches(program, ways, error);
  free(ways);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

// Places are launches, stage by stage.
static life *find_lives(const program *program) {
  life *lives = liveness_create(program->graph);
  int at = 0, ends[STAGE_COUNT];
  for (int stage = 0; stage < STAGE_COUNT && lives; stage++) {
    for (int i = 0; i < program->launches[stage].count; i++, at++) {
      const launch *launch = &program->launches[stage].entries[i].launch;
      for (uint32_t b = 0; b < launch->binding_count; b++) liveness_use(lives, launch->bindings[b], at);
    }
    ends[stage] = at;
  }
  if (lives) liveness_stay(program->graph, lives, ends);
  for (int i = 0; lives && i < program->graph->tensor_count; i++)
    if (program->graph->tensors[i]->keep && lives[i].last >= 0) lives[i].last = ends[STAGE_COUNT - 1];
  return lives;
}

static mote_status add_buffer(program *program, size_t bytes, const char *name, buffer **out, mote_error *error) {
  if (program->needs) {
    uint64_t allocated;
    *out = NULL;
    TRY(buffer_measure(program->device, bytes, &allocated, error));
    program->needs->memory_bytes += allocated;
    if (allocated > program->needs->allocation_bytes) program->needs->allocation_bytes = allocated;
    program->needs->allocations++;
    return MOTE_OK;
  }
  TRY(buffer_create(program->device, bytes, name, out, error));
  program->buffers[program->buffer_count++] = *out;
  return MOTE_OK;
}

mote_status program_needs_check(const mote_device *device, const program_needs *needs, mote_error *error) {
  const uint64_t most = device_get_caps(device)->max_binding_bytes;
  if (needs->binding_bytes <= most) return MOTE_OK;
  return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: %zu MiB, the device binds at most %zu MiB: a smaller batch fits",
              needs->binding_name, (size_t)(needs->binding_bytes >> 20), (size_t)(most >> 20));
}

static void note_bindings(const program *program, program_needs *needs) {
  for (int i = 0; i < program->graph->tensor_count; i++) {
    const tensor *tensor = program->graph->tensors[i];
    if (tensor_bytes(tensor) <= needs->binding_bytes) continue;
    needs->binding_bytes = tensor_bytes(tensor);
    memcpy(needs->binding_name, tensor->name, sizeof needs->binding_name);
  }
}

static mote_status place_separately(program *program, mote_error *error) {
  for (int i = 0; i < program->graph->tensor_count; i++) {
    tensor *tensor = program->graph->tensors[i];
    if ((tensor->kind != TENSOR_ACTIVATION && tensor->kind != TENSOR_INPUT) || tensor->view_of) continue;
    buffer *buffer;
    size_t bytes = (tensor_bytes(tensor) + 15) / 16 * 16 + program->guard_bytes;
    TRY(add_buffer(program, bytes, tensor->name, &buffer, error));
    tensor->home = (binding){buffer, 0, bytes};
    if (program->guard_bytes) {
      unsigned char *fill = malloc(bytes);
      if (!fill) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
      memset(fill, GUARD_BYTE, bytes);
      mote_status status = buffer_upload(buffer, 0, fill, bytes, error);
      free(fill);
      if (status) return status;
    }
  }
  return MOTE_OK;
}

// Inputs stand one after the other; activations where the planner puts them.
static mote_status place_together(program *program, const life *lives, mote_error *error) {
  graph *graph = program->graph;
  size_t alignment = program_caps(program)->alignment, input_bytes = 0;
  plan_item *items = calloc((size_t)graph->tensor_count + 1, sizeof *items);
  if (!items) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  int count = 0;
  for (int i = 0; i < graph->tensor_count; i++) {
    const tensor *tensor = graph->tensors[i];
    if (tensor->view_of) continue;
    if (tensor->kind == TENSOR_INPUT)
      input_bytes += (tensor_bytes(tensor) + alignment - 1) / alignment * alignment;
    if (tensor->kind == TENSOR_ACTIVATION && lives[i].last >= 0)
      items[count++] = (plan_item){tensor_bytes(tensor), lives[i].first, lives[i].last, 0};
  }
  buffer *inputs = NULL, *activations = NULL;
  mote_status status = plan_place(items, count, alignment, &program->activations, error);
  if (!status && input_bytes) status = add_buffer(program, input_bytes, "inputs", &inputs, error);
  if (!status && program->activations.peak_bytes)
    status = add_buffer(program, program->activations.peak_bytes, "activations", &activations, error);
  size_t input_at = 0;
  count = 0;
  for (int i = 0; i < graph->tensor_count && !status; i++) {
    tensor *tensor = graph->tensors[i];
    size_t bytes = tensor_bytes(tensor), bound = (bytes + 15) / 16 * 16;
    if (tensor->view_of) continue;
    if (tensor->kind == TENSOR_INPUT) {
      tensor->home = (binding){inputs, input_at, bound};
      input_at += (bytes + alignment - 1) / alignment * alignment;
    }
    if (tensor->kind == TENSOR_ACTIVATION && lives[i].last >= 0)
      tensor->home = (binding){activations, items[count++].offset, bound};
  }
  free(items);
  return status;
}

static mote_status place(program *program, mote_error *error) {
  graph *graph = program->graph;
  program_needs bindings = {0};
  note_bindings(program, program->needs ? program->needs : &bindings);
  TRY(program_needs_check(program->device, &bindings, error));
  program->buffers = calloc((size_t)graph->tensor_count + 2, sizeof *program->buffers);
  life *lives = find_lives(program);
  mote_status status = !program->buffers || !lives               ? fail(error, MOTE_ERROR_MEMORY, "out of memory")
                       : program_caps(program)->separate_buffers ? place_separately(program, error)
                                                                 : place_together(program, lives, error);
  free(lives);
  for (int i = 0; i < graph->tensor_count; i++) {
    tensor *view = graph->tensors[i];
    if (!view->view_of) continue;
    view->home = view->view_of->home;
    view->home.offset += view->view_offset;
    view->home.bytes = tensor_bytes(view);
  }
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Recording

mote_status program_record(program *program, const program_span *span, commands **out, mote_error *error) {
  int end = span->count ? span->first + span->count : program_dispatch_count(program, span->sequence);
  TRY(commands_create(program->device, program->name, span->timed, out, error));
  mote_status status = MOTE_OK;
  for (int i = span->first; i < end && !status; i++)
    status = record_launch(program->device, *out, entry_at(program, span->sequence, i), NULL, error);
  if (!status) status = commands_finish(*out, error);
  if (status) commands_destroy(out);
  return status;
}

static mote_status record(program *program, mote_error *error) {
  for (int i = 0; i < STAGE_COUNT; i++) {
    const stage stage = (enum stage)i;
    if (program->launches[stage].count)
      TRY(program_record(program, &(program_span){.sequence = SEQUENCE(stage), .timed = program->timed},
                         &program->commands[stage], error));
  }
  return MOTE_OK;
}

// Together, so that the device may make them at once; record_launch finds them.
static mote_status make_pipelines(const program *program, mote_error *error) {
  size_t count = 0;
  for (int stage = 0; stage < STAGE_COUNT; stage++) count += (size_t)program->launches[stage].count;
  pipeline_request *requests = calloc(count + 1, sizeof *requests);
  if (!requests) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  count = 0;
  for (int stage = 0; stage < STAGE_COUNT; stage++)
    for (int i = 0; i < program->launches[stage].count; i++) {
      const launch *launch = &program->launches[stage].entries[i].launch;
      requests[count++] = (pipeline_request){launch->shader, launch->spec, launch->spec_count};
    }
  mote_status status = pipelines_make(program->device, requests, count, error);
  free(requests);
  return status;
}

static mote_status fill_tables(const program *program, mote_error *error) {
  for (int i = 0; i < program->graph->tensor_count; i++) {
    const tensor *table = program->graph->tensors[i];
    if (table->contents)
      TRY(buffer_upload(table->home.buffer, table->home.offset, table->contents, tensor_bytes(table), error));
  }
  return MOTE_OK;
}

// Everything that program_create does but recording; with `needs`, without making buffers.
static mote_status plan(const program_desc *desc, program_needs *needs, program **out, mote_error *error) {
  *out = NULL;
  program *made = calloc(1, sizeof *made);
  if (!made) {
    graph *graph = desc->graph;
    graph_destroy(&graph);
    return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  *out = made;
  made->device = desc->device;
  made->graph = desc->graph;
  made->name = desc->name;
  made->timed = desc->timed;
  made->guard_bytes = desc->guard_bytes;
  made->needs = needs;
  mote_status status = made->graph->status;
  if (status)
    fail(error, status, "%s", made->graph->error.message);
  else
    status = passes_apply(made->graph, PASS_ALL & ~desc->without_passes, error);
  if (!status) status = lower(made, error);
  if (!status) status = place(made, error);
  return status;
}

static bool same_kernel(const launch *a, const launch *b) {
  return strcmp(a->shader, b->shader) == 0 && a->spec_count == b->spec_count &&
         memcmp(a->spec, b->spec, a->spec_count * sizeof *a->spec) == 0;
}

// Whether a launch before the `index`th of `stage` takes the same kernel.
static bool repeats_kernel(const program *program, int stage, int index) {
  const launch *launch = &program->launches[stage].entries[index].launch;
  for (int p = 0; p <= stage; p++)
    for (int i = 0; i < (p < stage ? program->launches[p].count : index); i++)
      if (same_kernel(launch, &program->launches[p].entries[i].launch)) return true;
  return false;
}

mote_status program_measure(const program_desc *desc, program_needs *needs, mote_error *error) {
  program *planned;
  mote_status status = plan(desc, needs, &planned, error);
  for (int stage = 0; stage < STAGE_COUNT && !status; stage++)
    for (int i = 0; i < planned->launches[stage].count; i++) {
      const launch *launch = &planned->launches[stage].entries[i].launch;
      bool known = repeats_kernel(planned, stage, i) ||
                   pipeline_is_made(desc->device, launch->shader, launch->spec, launch->spec_count);
      needs->kernels += !known;
    }
  for (int i = 0; !status && i < planned->graph->tensor_count; i++) {
    const tensor *tensor = planned->graph->tensors[i];
    if (tensor->kind == TENSOR_INPUT && tensor_bytes(tensor) > needs->largest_bytes)
      needs->largest_bytes = tensor_bytes(tensor);
  }
  program_destroy(&planned);
  return status;
}

mote_status program_make_pipelines(const program_desc *desc, mote_error *error) {
  program *planned;
  program_needs needs = {0};
  mote_status status = plan(desc, &needs, &planned, error);
  if (!status) status = make_pipelines(planned, error);
  program_destroy(&planned);
  return status;
}

mote_status program_create(const program_desc *desc, program **out, mote_error *error) {
  program *made;
  *out = NULL;
  mote_status status = plan(desc, NULL, &made, error);
  if (!status) status = fill_tables(made, error);
  if (!status) status = make_pipelines(made, error);
  if (!status) status = record(made, error);
  if (status) {
    program_destroy(&made);
    return status;
  }
  *out = made;
  return MOTE_OK;
}

void program_destroy(program **pointer) {
  program *program = *pointer;
  *pointer = NULL;
  if (!program) return;
  for (int stage = 0; stage < STAGE_COUNT; stage++) {
    commands_destroy(&program->commands[stage]);
    launches_finish(&program->launches[stage]);
  }
  for (int i = 0; i < program->buffer_count; i++) buffer_destroy(&program->buffers[i]);
  free(program->buffers);
  free(program->scratch);
  graph_destroy(&program->graph);
  free(program);
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

mote_status program_run(program *program, sequence sequence, uint32_t repeat, mote_error *error) {
  commands **stages = calloc((size_t)sequence.count, sizeof *stages);
  if (!stages) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  int count = 0;
  for (int i = 0; i < sequence.count; i++)
    if (program->commands[sequence.stages[i]]) stages[count++] = program->commands[sequence.stages[i]];
  mote_status status = count && repeat ? commands_run(stages, count, repeat, error) : MOTE_OK;
  free(stages);
  return status;
}

static mote_status need_scratch(program *program, size_t bytes, mote_error *error) {
  if (bytes <= program->scratch_bytes) return MOTE_OK;
  float *grown = realloc(program->scratch, bytes);
  if (!grown) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  program->scratch = grown;
  program->scratch_bytes = bytes;
  return MOTE_OK;
}

mote_status program_write(program *program, tensor *tensor, const void *rows, mote_error *error) {
  if (tensor->kind != TENSOR_INPUT && tensor->kind != TENSOR_EXTERNAL)
    return fail(error, MOTE_ERROR_USAGE, "%s is not an input", tensor->name);
  size_t bytes = tensor_bytes(tensor);
  TRY(need_scratch(program, bytes, error));
  layout_pack(tensor, rows, program->scratch);
  return buffer_upload(tensor->home.buffer, tensor->home.offset, program->scratch, bytes, error);
}

mote_status program_read(program *program, const tensor *tensor, void *rows, mote_error *error) {
  size_t bytes = tensor_bytes(tensor);
  if (!tensor->home.buffer) return fail(error, MOTE_ERROR_USAGE, "%s is not in memory", tensor->name);
  TRY(need_scratch(program, bytes, error));
  TRY(buffer_download(tensor->home.buffer, tensor->home.offset, program->scratch, bytes, error));
  layout_unpack(tensor, program->scratch, rows);
  return MOTE_OK;
}

mote_status program_check_guards(program *program, const char **overrun, mote_error *error) {
  *overrun = NULL;
  if (!program->guard_bytes || !program_caps(program)->separate_buffers) return MOTE_OK;
  for (int i = 0; i < program->graph->tensor_count && !*overrun; i++) {
    const tensor *tensor = program->graph->tensors[i];
    if ((tensor->kind != TENSOR_ACTIVATION && tensor->kind != TENSOR_INPUT) || tensor->view_of) continue;
    size_t from = (tensor_bytes(tensor) + 15) / 16 * 16;
    TRY(need_scratch(program, program->guard_bytes, error));
    TRY(buffer_download(tensor->home.buffer, from, program->scratch, program->guard_bytes, error));
    for (size_t k = 0; k < program->guard_bytes; k++)
      if (((unsigned char *)program->scratch)[k] != GUARD_BYTE) *overrun = tensor->name;
  }
  return MOTE_OK;
}

commands *program_commands(program *program, stage stage) { return program->commands[stage]; }

int program_dispatch_count(const program *program, sequence sequence) {
  int count = 0;
  for (int i = 0; i < sequence.count; i++) count += program->launches[sequence.stages[i]].count;
  return count;
}

const launch *program_get_launch(const program *program, sequence sequence, int index) {
  return &entry_at(program, sequence, index)->launch;
}

const kernel *program_get_kernel(const program *program, sequence sequence, int index) {
  return entry_at(program, sequence, index)->kernel;
}

const node *program_get_node(const program *program, sequence sequence, int index) {
  return entry_at(program, sequence, index)->node;
}

program_work program_get_work(const program *program, sequence sequence, int index) {
  const launch_entry *entry = entry_at(program, sequence, index);
  const node *node = entry->node;
  program_work work = {.label = node->label, .op = node->op->name, .kernel = entry->launch.shader,
                       .cooperative = entry->kernel->cooperative,
                       .shape = node->output_count ? node->outputs[0]->shape : node->inputs[0]->shape};
  bool first = index == 0 || program_get_node(program, sequence, index - 1) != node;
  if (first && node->op->multiply_adds) work.operations = 2 * node->op->multiply_adds(node);
  for (uint32_t i = 0; i < entry->launch.binding_count; i++) {
    const tensor *bound = entry->launch.bindings[i];
    for (uint32_t j = 0; j < i && bound; j++)
      if (entry->launch.bindings[j] == bound) bound = NULL;
    if (bound) work.bytes += (double)(bound->held_bytes ? bound->held_bytes : tensor_bytes(bound));
  }
  return work;
}

commands_info program_get_commands_info(const program *program, sequence sequence) {
  commands_info sum = {0};
  for (int i = 0; i < sequence.count; i++) {
    if (!program->commands[sequence.stages[i]]) continue;
    const commands_info info = commands_get_info(program->commands[sequence.stages[i]]);
    sum.dispatches += info.dispatches;
    sum.barriers += info.barriers;
  }
  return sum;
}

program_info program_get_info(const program *program) {
  program_info info = {.commands = program_get_commands_info(program, SEQUENCE_ALL), .activations = program->activations};
  for (int i = 0; i < program->buffer_count; i++) info.memory_bytes += buffer_bytes(program->buffers[i]);
  return info;
}

// run_once.c: a graph that is made, run one time and read.
#include "graph/diffusion/run_once.h"

#include "graph/compile/program.h"

static mote_status run(const run_once_desc *desc, program *program, mote_error *error) {
  for (int i = 0; i < RUN_ONCE_TENSORS && desc->inputs[i].tensor; i++)
    TRY(program_write(program, desc->inputs[i].tensor, desc->inputs[i].rows, error));
  TRY(program_run(program, SEQUENCE_ALL, 1, error));
  for (int i = 0; i < RUN_ONCE_TENSORS && desc->outputs[i].tensor; i++)
    if (desc->outputs[i].rows) TRY(program_read(program, desc->outputs[i].tensor, desc->outputs[i].rows, error));
  return MOTE_OK;
}

mote_status run_once(const run_once_desc *desc, mote_error *error) {
  graph *graph = desc->graph;
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < RUN_ONCE_TENSORS && desc->outputs[i].tensor; i++) desc->outputs[i].tensor->keep = true;
  mote_status status = parameters_bind(desc->parameters, desc->weights, desc->gradients, graph, error);
  if (status) {
    graph_destroy(&graph);
    return status;
  }
  program *program = NULL;
  TRY(program_create(&(program_desc){.device = desc->device, .graph = graph, .name = desc->name}, &program, error));
  status = run(desc, program, error);
  program_destroy(&program);
  return status;
}

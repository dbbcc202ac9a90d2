// selftest.c: runs cases of ops and compares with their references.
#include "graph/measure/selftest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile/differentiate.h"
#include "graph/ir/half.h"
#include "graph/ir/philox.h"
#include "graph/kernels/kernel.h"
#include "runtime/list.h"

enum { GUARD_BYTES = 256 };

enum { DIRECTIONS = 3 };  // of the gradient check

// What all cases share.
typedef struct session {
  mote_device *device;
  const selftest_list *list;
  const selftest_options *options;
  int *nodes;  // for each op of the list, those that the cases of the present op made
  selftest_counts *counts;
  device_caps caps;      // the device's, with the kernels that are to be taken now
  const kernel **taken;  // those that were, by any case
  int taken_count;
} session;

static void count_nodes(const session *s, const graph *graph) {
  for (int i = 0; i < graph->node_count; i++)
    for (int k = 0; k < s->list->count; k++)
      s->nodes[k] += !graph->nodes[i]->removed && graph->nodes[i]->op == s->list->ops[k].op;
}

static bool has_joined(const graph *graph) {
  for (int i = 0; i < graph->node_count; i++) {
    const node *node = graph->nodes[i];
    const tensor *both = node->removed || node->output_count < 2 ? NULL : node->outputs[0]->view_of;
    if (both && node->outputs[1]->view_of == both) return true;
  }
  return false;
}

static bool is_taken(const session *s, const kernel *kernel) {
  for (int i = 0; i < s->taken_count; i++)
    if (s->taken[i] == kernel) return true;
  return false;
}

static bool takes(const program *program, const kernel *kernel) {
  for (int i = 0; i < program_dispatch_count(program, SEQUENCE_ALL); i++)
    if (program_get_kernel(program, SEQUENCE_ALL, i) == kernel) return true;
  return false;
}

static bool takes_others(const session *s, const program *program) {
  for (int i = 0; i < program_dispatch_count(program, SEQUENCE_ALL); i++)
    if (!is_taken(s, program_get_kernel(program, SEQUENCE_ALL, i))) return true;
  return false;
}

static mote_status note_kernels(session *s, const program *program, mote_error *error) {
  for (int i = 0; i < program_dispatch_count(program, SEQUENCE_ALL); i++) {
    const kernel *kernel = program_get_kernel(program, SEQUENCE_ALL, i);
    if (is_taken(s, kernel)) continue;
    if (!LIST_ROOM(s->taken, s->taken_count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
    s->taken[s->taken_count++] = kernel;
  }
  return MOTE_OK;
}

// Kernels that nodes of a program could take in place of their own: of each op one a round, as often as the one that fits most.
enum { ROUNDS = 8, ROUND_BYTES = 512 };
typedef struct rounds {
  char names[ROUNDS][ROUND_BYTES];
  int count;
} rounds;

static bool fits_some(const session *s, const graph *graph, const op *op, const kernel *kernel) {
  for (int i = 0; i < graph->node_count; i++) {
    const node *node = graph->nodes[i];
    if (!node->removed && node->op == op && kernel_fits(kernel, &s->caps, node)) return true;
  }
  return false;
}

static void add_rounds(const session *s, program *program, const op *op, rounds *rounds) {
  int round = 0;
  for (const kernel *k = op->kernels; k->name && round < ROUNDS; k++) {
    if (takes(program, k) || !fits_some(s, program_graph(program), op, k)) continue;
    char *names = rounds->names[round++];
    size_t used = strlen(names);
    snprintf(names + used, ROUND_BYTES - used, "%s%s", used ? "," : "", k->name);
  }
  if (round > rounds->count) rounds->count = round;
}

static void find_rounds(const session *s, program *program, rounds *rounds) {
  const graph *graph = program_graph(program);
  *rounds = (struct rounds){.count = 0};
  for (int i = 0; i < graph->node_count; i++) {
    bool first = !graph->nodes[i]->removed;
    for (int k = 0; k < i && first; k++) first = graph->nodes[k]->removed || graph->nodes[k]->op != graph->nodes[i]->op;
    if (first) add_rounds(s, program, graph->nodes[i]->op, rounds);
  }
}

// Everything one case holds on to.
typedef struct run {
  program *program;
  tensor *inputs[CASE_INPUTS], *output, *seed;  // seed: the gradient of the output, NULL if none is checked
  double *values[CASE_INPUTS];
  int input_count;
  const char *overrun;  // a tensor whose guard was overwritten
  bool left_out;        // options do not want its program
  double found;         // the error of its output, or the worst of its gradients'
} run;

static void finish(run *run) {
  program_destroy(&run->program);
  for (int i = 0; i < run->input_count; i++) free(run->values[i]);
}

static mote_status out_of_memory(mote_error *error) { return fail(error, MOTE_ERROR_MEMORY, "out of memory"); }

// ---------------------------------------------------------------------------------------------------------------------
// What nodes say that they write

static bool lies_in(const tensor *part, const tensor *whole) {
  const binding *a = &part->home, *b = &whole->home;
  return a->buffer && a->buffer == b->buffer && a->offset >= b->offset && a->offset + a->bytes <= b->offset + b->bytes;
}

static bool writes_input(const node *node, int i) { return node->inputs[i] && node->writes >> i & 1; }

// Does `bound` hold nothing that the node says it writes, but something that it says it only reads?
static bool is_only_read(const node *node, const tensor *bound) {
  bool read = false;
  for (int i = 0; i < node->output_count; i++)
    if (lies_in(node->outputs[i], bound)) return false;
  for (int i = 0; i < node->input_count; i++) {
    bool inside = node->inputs[i] && lies_in(node->inputs[i], bound);
    if (inside && writes_input(node, i)) return false;
    read |= inside;
  }
  return read;
}

// What the shader may write its node must say; notes in `written`, by index, the inputs of nodes that are written.
static mote_status check_launch(const program *program, int index, bool *written, mote_error *error) {
  const launch *launch = program_get_launch(program, SEQUENCE_ALL, index);
  const node *node = program_get_node(program, SEQUENCE_ALL, index);
  pipeline *kernel;
  TRY(pipeline_get(program_device(program), launch->shader, launch->spec, launch->spec_count, &kernel, error));
  for (uint32_t b = 0; b < launch->binding_count; b++) {
    const tensor *bound = launch->bindings[b];
    if (!bound || !pipeline_writes(kernel, b)) continue;
    if (is_only_read(node, bound))
      return fail(error, MOTE_ERROR_USAGE, "%s writes %s, and its node does not say so", launch->shader, bound->name);
    for (int i = 0; i < node->input_count; i++)
      if (writes_input(node, i) && lies_in(node->inputs[i], bound)) written[node->inputs[i]->index] = true;
  }
  return MOTE_OK;
}

static mote_status check_writes(program *program, mote_error *error) {
  const graph *graph = program_graph(program);
  bool *written = calloc((size_t)graph->tensor_count + 1, sizeof *written);
  mote_status status = written ? MOTE_OK : out_of_memory(error);
  for (int i = 0; i < program_dispatch_count(program, SEQUENCE_ALL) && !status; i++)
    status = check_launch(program, i, written, error);
  for (int n = 0; n < graph->node_count; n++) {
    const node *node = graph->nodes[n];
    for (int i = 0; i < node->input_count && !node->removed && !status; i++)
      if (writes_input(node, i) && !written[node->inputs[i]->index])
        status = fail(error, MOTE_ERROR_USAGE, "%s says that it writes %s, and does not", node->label, node->inputs[i]->name);
  }
  free(written);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------

// Uniform in [0, 1), the same on every machine; `stream` keeps uses apart.
static double uniform(size_t index, int stream) {
  philox_block block = philox((philox_block){{(uint32_t)index, (uint32_t)stream, 77, 0}}, 4711);
  return block.words[0] / 4294967296.0;
}

// As small as gradients of a loss that is a mean over a million numbers: half precision loses them unless they are scaled,
// and then knows them exactly.
static const double seed_share = 0x1p-20;

static double seed_value(size_t index) {
  return seed_share * half_to_float(half_from_float((float)(uniform(index, 50) - 0.5)));
}

// Does the tensor hold words rather than floats?
static bool is_word_tensor(const tensor *tensor, const op_case *test) {
  int word_count = test->word_count ? test->word_count : 4;
  return tensor->role == ROLE_TABLE && test->words && tensor->shape.c == word_count && tensor->shape.n == 1;
}

// Do kernels of the program round what they read to half precision? Elsewhere rounding would only make values equal, between
// which a maximum cannot choose.
static bool rounds_operands(const program *program) {
  for (int i = 0; i < program_dispatch_count(program, SEQUENCE_ALL); i++)
    if (program_get_kernel(program, SEQUENCE_ALL, i)->half) return true;
  return false;
}

// Uniform values that differ from input to input; what float rounds away the reference does not see either, nor what the
// kernels round to half precision.
static mote_status fill_input(run *run, const op_case *test, int index, mote_error *error) {
  const case_input *input = &test->inputs[index];
  size_t count = tensor_elements(run->inputs[index]);
  float *rows = malloc(count * sizeof *rows);
  run->values[index] = malloc(count * sizeof(double));
  if (!rows || !run->values[index]) {
    free(rows);
    return out_of_memory(error);
  }
  double low = input->low, high = input->high;
  if (low == 0 && high == 0) low = -1, high = 1;
  bool rounded = rounds_operands(run->program);
  for (size_t i = 0; i < count; i++) {
    rows[i] = (float)(low + (high - low) * uniform(i, index));
    if (rounded) rows[i] = half_to_float(half_from_float(rows[i]));
    run->values[index][i] = rows[i];
  }
  bool is_words = is_word_tensor(run->inputs[index], test);
  for (size_t i = 0; i < count && is_words; i++) run->values[index][i] = test->words[i];
  mote_status status =
      program_write(run->program, run->inputs[index], is_words ? (const void *)test->words : rows, error);
  free(rows);
  return status;
}

static mote_status fill_seed(run *run, mote_error *error) {
  size_t count = tensor_elements(run->seed);
  float *rows = malloc(count * sizeof *rows);
  if (!rows) return out_of_memory(error);
  for (size_t i = 0; i < count; i++) rows[i] = (float)seed_value(i);
  mote_status status = program_write(run->program, run->seed, rows, error);
  free(rows);
  return status;
}

// Appends the backward pass of Σ seed · output.
static void append_backward(graph *graph, run *run) {
  mote_error error;
  graph->train = true;
  for (int i = 0; i < run->input_count; i++) run->inputs[i]->requires_grad = run->inputs[i]->role != ROLE_TABLE;
  for (int i = 0; i < graph->node_count; i++)  // as graph building does where parameters require gradients
    for (int k = 0; k < graph->nodes[i]->input_count; k++)
      for (int o = 0; o < graph->nodes[i]->output_count; o++)
        graph->nodes[i]->outputs[o]->requires_grad |=
            graph->nodes[i]->inputs[k] && graph->nodes[i]->inputs[k]->requires_grad;
  if (!run->output) return;
  run->seed = graph_input(graph, "seed", run->output->shape, run->output->role);
  graph_scale_gradients(graph, seed_share);
  graph_note_loss(graph, run->output, run->seed);
  if (passes_differentiate(graph, PASS_ALL, &error)) return;
  for (int i = 0; i < run->input_count; i++)
    if (run->inputs[i]->grad) run->inputs[i]->grad->keep = true;
}

static mote_status prepare(session *s, const op_case *test, bool gradient, run *run, mote_error *error) {
  mote_device *device = s->device;
  graph *graph = graph_create(&s->caps);
  if (!graph) return out_of_memory(error);
  for (int i = 0; i < CASE_INPUTS && test->inputs[i].shape.n; i++) {
    char name[] = {'i', 'n', 'p', 'u', 't', (char)('0' + i), 0};
    run->inputs[run->input_count++] = graph_input(graph, name, test->inputs[i].shape, test->inputs[i].role);
  }
  run->output = test->build(graph, test, run->inputs);
  if (run->output) run->output->keep = true;
  if (gradient) append_backward(graph, run);
  mote_status status =
      program_create(&(program_desc){.device = device,
                                     .graph = graph,
                                     .name = test->name,
                                     .guard_bytes = device_get_caps(device)->separate_buffers ? GUARD_BYTES : 0},
                     &run->program, error);
  run->left_out = s->options->wanted && !s->options->wanted();
  if (run->left_out || status) return run->left_out ? MOTE_OK : status;
  count_nodes(s, program_graph(run->program));
  run->left_out = s->options->sparing && !takes_others(s, run->program);
  if (run->left_out) return MOTE_OK;
  TRY(note_kernels(s, run->program, error));
  TRY(check_writes(run->program, error));
  if (gradient && test->joins && !has_joined(program_graph(run->program)))
    return fail(error, MOTE_ERROR_USAGE, "no node makes the gradients of both inputs");
  for (int i = 0; i < run->input_count; i++) TRY(fill_input(run, test, i, error));
  if (run->seed) TRY(fill_seed(run, error));
  TRY(program_run(run->program, SEQUENCE_ALL, 1, error));
  return program_check_guards(run->program, &run->overrun, error);
}

static double relative_error(const float *found, const double *expected, size_t count, double tolerance) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    double e = tolerance == 0 ? (double)(float)expected[i] : expected[i];
    if (!isfinite(found[i])) return INFINITY;
    difference += (found[i] - e) * (found[i] - e);
    size += e * e;
  }
  if (size == 0) return difference == 0 ? 0 : INFINITY;
  return sqrt(difference / size);
}

static mote_status compare_output(run *run, const op_case *test, double *found, mote_error *error) {
  size_t count = tensor_elements(run->output);
  float *rows = malloc(count * sizeof *rows);
  double *expected = calloc(count, sizeof *expected);
  mote_status status = rows && expected ? MOTE_OK : out_of_memory(error);
  if (!status) status = program_read(run->program, run->output, rows, error);
  if (!status) {
    test->reference(test, run->values, expected);
    if (is_word_tensor(run->output, test))
      for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &rows[i], 4);
        rows[i] = (float)word;
      }
    *found = relative_error(rows, expected, count, test->tolerance);
  }
  free(rows);
  free(expected);
  return status;
}

// Σ seed · reference, with input `index` moved by `step` along direction `stream`.
static double loss_along(run *run, const op_case *test, int index, int stream, double step, double *output) {
  double *values = run->values[index], loss = 0;
  size_t count = tensor_elements(run->inputs[index]), output_count = tensor_elements(run->output);
  for (size_t i = 0; i < count; i++) values[i] += step * (uniform(i, stream) - 0.5);
  memset(output, 0, output_count * sizeof *output);
  test->reference(test, run->values, output);
  for (size_t i = 0; i < output_count; i++) loss += seed_value(i) * output[i];
  for (size_t i = 0; i < count; i++) values[i] -= step * (uniform(i, stream) - 0.5);
  return loss;
}

// The gradient of one input against central differences along DIRECTIONS random directions.
static mote_status compare_gradient(run *run, const op_case *test, int index, double *found, mote_error *error) {
  const double step = 1e-5;
  size_t count = tensor_elements(run->inputs[index]);
  float *rows = malloc(count * sizeof *rows);
  double *output = malloc(tensor_elements(run->output) * sizeof *output);
  mote_status status = rows && output ? MOTE_OK : out_of_memory(error);
  if (!status) status = program_read(run->program, run->inputs[index]->grad, rows, error);
  double difference = 0, size = 0;
  for (int d = 0; d < DIRECTIONS && !status; d++) {
    int stream = 100 + d;
    double along = 0, slope = (loss_along(run, test, index, stream, step, output) -
                               loss_along(run, test, index, stream, -step, output)) / (2 * step);
    for (size_t i = 0; i < count; i++) along += rows[i] * (uniform(i, stream) - 0.5);
    difference += (along - slope) * (along - slope);
    size += slope * slope;
  }
  double relative = size > 0 ? sqrt(difference / size) : difference > 0 ? INFINITY : 0;
  if (!status && !(relative <= *found)) *found = relative;  // the worst so far; what is not a number counts as worse
  free(rows);
  free(output);
  return status;
}

// Finds the error of one case's output, or with `gradient` the worst of its gradients; infinity where a guard was hit.
static mote_status compare(run *run, const op_case *test, bool gradient, mote_error *error) {
  int checked = 0;
  run->found = 0;
  if (!gradient) TRY(compare_output(run, test, &run->found, error));
  for (int i = 0; i < run->input_count && gradient; i++) {
    if (!run->inputs[i]->grad) continue;
    TRY(compare_gradient(run, test, i, &run->found, error));
    checked++;
  }
  if (run->overrun || (gradient && !checked)) run->found = INFINITY;
  return MOTE_OK;
}

// Matrix units cut off what lies below the largest summand's last bits, where other hardware rounds (Fasi et al. 2021,
// "Numerical behavior of NVIDIA tensor cores").
static double tolerance_of(const mote_device *device, const op_case *test, bool gradient) {
  double tolerance = gradient ? TOLERANCE_GRADIENT : test->tolerance;
  return device_get_caps(device)->cooperative && tolerance == TOLERANCE_SUM ? 10 * tolerance : tolerance;
}

// One comparison, counted and told of; fills `rounds` in, unless it is NULL. False where nothing more is to be run.
static bool run_and_count(session *s, const selftest_op *op, const op_case *test, bool gradient, rounds *rounds) {
  mote_error error = {0};
  run run = {0};
  mote_status status = prepare(s, test, gradient, &run, &error);
  bool left_out = !status && run.left_out;
  if (!status && !left_out) status = compare(&run, test, gradient, &error);
  selftest_result result = {.op = op->name,
                            .test = test,
                            .gradient = gradient,
                            .kernels = s->caps.kernel_names ? s->caps.kernel_names : "",
                            .found = status ? INFINITY : run.found,
                            .tolerance = tolerance_of(s->device, test, gradient),
                            .why = status ? error.message : run.overrun ? "written past the end of a tensor" : ""};
  result.passed = !*result.why && result.found <= result.tolerance;
  if (rounds && run.program) find_rounds(s, run.program, rounds);
  finish(&run);
  if (left_out) return true;
  if (s->options->compared) s->options->compared(s->options->user, &result);
  s->counts->passed += result.passed;
  s->counts->failed += !result.passed;
  s->counts->device_lost = status == MOTE_ERROR_DEVICE_LOST;
  return !s->counts->device_lost && (result.passed || !s->options->stop);
}

bool selftest_op_lacks(const selftest_op_result *result, int index) {
  return !result->nodes[index] && !strcmp(result->list->ops[index].tested_by, result->op->name);
}

// One case by the kernels that the device prefers, and with `every_kernel` by all others that fit.
static bool run_case(session *s, const selftest_op *op, const op_case *test, bool gradient) {
  rounds rounds = {.count = 0};
  s->caps.kernel_names = device_get_caps(s->device)->kernel_names;
  if (!run_and_count(s, op, test, gradient, s->options->every_kernel ? &rounds : NULL)) return false;
  for (int i = 0; i < rounds.count; i++) {
    s->caps.kernel_names = rounds.names[i];
    if (!run_and_count(s, op, test, gradient, NULL)) return false;
  }
  return true;
}

// How many sizes fill neither blocks nor pairs.
static int odd_sizes(const op_case *test) {
  shape x = test->inputs[0].shape;
  return (x.c % 8 != 0) + x.n % 2 + x.h % 2 + x.w % 2;
}

static bool run_cases(session *s, const selftest_op *op) {
  for (int k = 0; k < op->cases->count; k++)
    for (int gradient = 0; gradient <= !op->cases->cases[k].no_gradient; gradient++)
      if (!run_case(s, op, &op->cases->cases[k], gradient)) return false;
  return true;
}

// With gradients, which takes the forward pass too.
static bool run_oddest_cases(session *s, const selftest_op *op) {
  for (int odd = 4; odd >= 0; odd--)
    for (int k = 0; k < op->cases->count; k++) {
      const op_case *test = &op->cases->cases[k];
      if (odd_sizes(test) == odd && !run_case(s, op, test, !test->no_gradient)) return false;
    }
  return true;
}

// All cases of one op. False where nothing more is to be run.
static bool run_op(session *s, const selftest_op *op) {
  memset(s->nodes, 0, (size_t)s->list->count * sizeof *s->nodes);
  if (!(s->options->sparing ? run_oddest_cases : run_cases)(s, op)) return false;
  if (s->options->wanted) return true;
  selftest_op_result result = {.list = s->list, .op = op, .nodes = s->nodes};
  for (int k = 0; k < s->list->count; k++) s->counts->failed += selftest_op_lacks(&result, k);
  if (s->options->op_done) s->options->op_done(s->options->user, &result);
  return true;
}

// Kernels that no case took, though the device could.
static void find_untaken(session *s) {
  bool shuffles = s->caps.subgroup_shuffle && s->caps.subgroup_size >= 8;
  for (int i = 0; i < s->list->count; i++)
    for (const kernel *k = s->list->ops[i].op->kernels; k->name; k++) {
      if (is_taken(s, k) || (k->cooperative && !s->caps.cooperative) || (k->class == MOTE_KERNELS_TEXEL && !shuffles)) continue;
      s->counts->failed++;
      if (s->options->untaken) s->options->untaken(s->options->user, s->list->ops[i].name, k->name);
    }
}

mote_status selftest_run(mote_device *device, const selftest_list *list, const selftest_options *options,
                         selftest_counts *counts, mote_error *error) {
  *counts = (selftest_counts){0};
  session s = {.device = device,
               .list = list,
               .options = options,
               .nodes = malloc((size_t)list->count * sizeof *s.nodes),
               .counts = counts,
               .caps = *device_get_caps(device)};
  if (!s.nodes) return out_of_memory(error);
  bool more = true;
  for (int i = 0; i < list->count && more; i++) {
    const selftest_op *op = &list->ops[i];
    bool is_about = !options->about || !strncmp(options->about, op->name, strlen(op->name));
    if (op->cases && is_about) more = run_op(&s, op);
  }
  if (more && options->every_kernel && !options->about && !options->sparing) find_untaken(&s);
  free(s.taken);
  free(s.nodes);
  return MOTE_OK;
}

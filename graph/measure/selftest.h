// selftest.h: runs cases of ops on a device and compares with references in double precision.
#ifndef MOTE_GRAPH_MEASURE_SELFTEST_H
#define MOTE_GRAPH_MEASURE_SELFTEST_H

#include "graph/compile/program.h"
#include "graph/ops/ops.h"

#define CASE_INPUTS 8

typedef struct case_input {
  shape shape;
  tensor_role role;  // ROLE_ACTIVATION if left out
  double low, high;      // values are uniform in between; both 0: -1 to 1
} case_input;

typedef struct op_case op_case;

// The first output of the op on `inputs`, all row-major, into `output`, in double precision.
typedef void (*op_reference)(const op_case *test, double *const *inputs, double *output);

struct op_case {
  const char *name;
  tensor *(*build)(graph *graph, const op_case *test, tensor *const *inputs);  // returns what is compared
  op_reference reference;
  case_input inputs[CASE_INPUTS];  // up to the first without a shape
  const uint32_t *words;           // contents of the (1, word_count, 1, 1) raw input, or NULL
  int word_count;                  // 0: 4
  double tolerance;                // of ‖a - b‖ / ‖b‖; 0: bit-equal after rounding to float
  uint32_t attribute;              // for build and reference to agree on
  bool no_gradient;                // nothing flows back through this case, by design
  bool joins;                      // one node makes the gradients of two inputs, in one tensor
};

typedef struct op_cases {
  const op_case *cases;
  int count;
} op_cases;

// An op, and what tests it.
typedef struct selftest_op {
  const char *name;
  const char *tested_by;  // the op whose cases have to make nodes of it: itself, or for an op without cases another
  const op *op;
  const op_cases *cases;  // NULL: none of its own
} selftest_op;

typedef struct selftest_list {
  const selftest_op *ops;
  int count;
} selftest_list;

// Rounding of fp32 sums of a few hundred terms.
#define TOLERANCE_SUM 2e-6
// One or two rounded operations an element.
#define TOLERANCE_ELEMENT 3e-7

// Rounding of fp32 gradients, compared with central differences of the double-precision reference along random
// directions.
#define TOLERANCE_GRADIENT 2e-5

typedef struct selftest_result {
  const char *op;
  const op_case *test;
  bool gradient;            // the worst of its gradients, and not its output
  const char *kernels;      // that were taken wherever they fit, or ""
  double found, tolerance;  // of the relative error; infinity where nothing could be compared
  const char *why;          // what failed before that, or ""
  bool passed;
} selftest_result;

typedef struct selftest_op_result {
  const selftest_list *list;
  const selftest_op *op;
  const int *nodes;  // for each op of the list, how many nodes of it the cases of this one made
} selftest_op_result;

// Should the cases of that op have made a node of op `index`, and did they make none?
bool selftest_op_lacks(const selftest_op_result *result, int index);

typedef struct selftest_options {
  bool stop;             // at the first failure
  bool every_kernel;     // each case not only by the kernels that the device prefers, but by all that fit
  bool sparing;          // of each op the cases of the oddest sizes, once, until all kernels that the others take were taken
  const char *about;     // a shader's name: only the ops with whose name it begins; NULL: all
  bool (*wanted)(void);  // asked when a case's program was or was not created: false leaves it out; NULL: all are wanted
  // Told of each comparison, and after the cases of an op of that, unless `wanted` chooses; each may be NULL.
  void (*compared)(void *user, const selftest_result *result);
  void (*op_done)(void *user, const selftest_op_result *result);
  // With `every_kernel`, of the ops all: told of a kernel that no case took, though the device could.
  void (*untaken)(void *user, const char *op, const char *kernel);
  void *user;
} selftest_options;

typedef struct selftest_counts {
  int passed, failed;  // an op of which no case makes a node, and a kernel that none took, count as one that failed
  bool device_lost;    // so that not all cases were run
} selftest_counts;

// Runs the cases of `list` on `device`. What fails is counted and no error.
mote_status selftest_run(mote_device *device, const selftest_list *list, const selftest_options *options,
                         selftest_counts *counts, mote_error *error);

#endif

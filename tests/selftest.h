// selftest.h: one description per op drives its correctness test, here and in `mote selftest`.
#ifndef MOTE_TESTS_SELFTEST_H
#define MOTE_TESTS_SELFTEST_H

#include "graph/compile/program.h"
#include "graph/ops/ops.h"

#define CASE_INPUTS 8

typedef struct case_input {
  shape shape;
  tensor_layout layout;  // LAYOUT_C8 if left out
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

#define OP(name, builder) extern const op_cases name##_cases;
#include "graph/ops/ops.def"

#define CASES(name, list) const op_cases name##_cases = {list, (int)(sizeof(list) / sizeof *(list))}

// Rounding of fp32 sums of a few hundred terms.
#define TOLERANCE_SUM 2e-6
// One or two rounded operations an element.
#define TOLERANCE_ELEMENT 3e-7

// Rounding of fp32 gradients, compared with central differences of the double-precision reference along random
// directions.
#define TOLERANCE_GRADIENT 2e-5

typedef struct selftest_options {
  bool verbose;       // print every case and not only failures
  bool ops;           // print what was run for each op
  bool json;          // print one object a case and one an op on stdout
  bool stop;          // at the first failure
  bool once;          // each case once: with its gradients where it has any
  const char *about;  // a shader's name: only the ops with whose name it begins; NULL: all
  bool (*wanted)(void);  // asked when a case's program was or was not created: false leaves it out; NULL: all are wanted
} selftest_options;

// Runs cases on `device`. Ends at once when the device is lost. An op of which no case makes a node counts as one that failed.
typedef struct selftest_counts {
  int passed, failed;
  bool device_lost;
} selftest_counts;
selftest_counts selftest_run(mote_device *device, const selftest_options *options);

#endif

// cases.h: the cases of every op, for those who run them: `mote selftest` and the op tests.
#ifndef MOTE_TESTS_OPS_CASES_H
#define MOTE_TESTS_OPS_CASES_H

#include "graph/measure/selftest.h"

#define OP(name, builder) extern const op_cases name##_cases;
#include "graph/ops/ops.def"

#define CASES(name, list) const op_cases name##_cases = {list, (int)(sizeof(list) / sizeof *(list))}

extern const selftest_list all_cases;

#endif

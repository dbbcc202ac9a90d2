// cases.c: the list of every op with its cases.
#include "tests/ops/cases.h"

static const selftest_op ops[] = {
#define OP(name, builder) {#name, #name, &name##_op, &name##_cases},
#define GRADIENT_OP(name, of) {#name, #of, &name##_op, NULL},
#include "graph/ops/ops.def"
};

const selftest_list all_cases = {ops, sizeof ops / sizeof *ops};

// selftest_print.h: prints what comes of cases of ops, in lines for people or for programs.
#ifndef MOTE_TOOLS_MEASURE_SELFTEST_PRINT_H
#define MOTE_TOOLS_MEASURE_SELFTEST_PRINT_H

#include "graph/measure/selftest.h"

typedef struct selftest_print {
  bool verbose;  // every case and not only failures
  bool ops;      // what was run for each op
  bool json;     // one object a case and one an op
} selftest_print;

// For selftest_options; `user` is a selftest_print.
void selftest_print_compared(void *user, const selftest_result *result);
void selftest_print_op(void *user, const selftest_op_result *result);
void selftest_print_untaken(void *user, const char *op, const char *kernel);

#endif

// fuzz_log.c: whatever the text, only rows that a run writes are read of a log.
#include <math.h>
#include <stdlib.h>

#include "tools/train/train_log.h"

enum { LAST_STEP = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  mote_error error = {0};
  train_rows rows = {0};
  check(!train_log_parse("fuzz", (const char *)data, bytes, LAST_STEP, &rows, &error));
  for (size_t i = 0; i < rows.count; i++) {
    const train_row *row = &rows.rows[i];
    check(row->step > (i ? rows.rows[i - 1].step : 0) && row->step <= LAST_STEP);
    check(row->seconds >= (i ? rows.rows[i - 1].seconds : 0) && row->seconds <= 1e9);
    check(isfinite(row->loss) && isfinite(row->lr) && isfinite(row->samples_per_s));
    check(isfinite(row->val_loss) || isnan(row->val_loss));
  }
  free(rows.rows);
  return 0;
}

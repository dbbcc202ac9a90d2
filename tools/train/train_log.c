// train_log.c: reads the rows of a training run's log.csv.
#include "tools/train/train_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/list.h"
#include "runtime/number.h"

#define SECONDS_MOST 1e9  // 31 years

bool train_rows_add(train_rows *r, const train_row *row) {
  if (!LIST_ROOM(r->rows, r->count)) return false;
  r->rows[r->count++] = *row;
  return true;
}

// False for a line that was cut off, or that no mote wrote.
static bool parse_row(const char *line, const char *end, const train_row *before, uint64_t last_step, train_row *row) {
  double values[6];
  for (int i = 0; i < 6; i++) {
    const char *after = line;
    if (i == 2 && *line == ',')
      values[i] = NAN;
    else if (!number_parse(line, &after, &values[i]) || values[i] < 0)
      return false;
    if (after > end || *after != (i < 5 ? ',' : '\n')) return false;
    line = after + 1;
  }
  double step_before = before ? (double)before->step : 0, seconds_before = before ? before->seconds : 0;
  if (values[0] <= step_before || values[0] > (double)last_step || values[0] != floor(values[0])) return false;
  if (values[5] < seconds_before || values[5] > SECONDS_MOST) return false;
  *row = (train_row){(uint64_t)values[0], values[1], values[2], values[3], values[4], values[5]};
  return true;
}

mote_status train_log_parse(const char *name, const char *text, size_t bytes, uint64_t last_step, train_rows *rows,
                            mote_error *error) {
  const char *end = text + bytes;
  for (const char *line = text; line < end;) {
    const char *line_end = memchr(line, '\n', (size_t)(end - line));
    train_row row;
    if (!line_end) break;
    if (parse_row(line, line_end, rows->count ? &rows->rows[rows->count - 1] : NULL, last_step, &row) &&
        !train_rows_add(rows, &row))
      return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its rows", name);
    line = line_end + 1;
  }
  return MOTE_OK;
}

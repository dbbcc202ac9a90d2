// csv.h: tables as RFC 4180 has them, of UTF-8 text from anywhere.
#ifndef MOTE_TOOLS_DATA_CSV_H
#define MOTE_TOOLS_DATA_CSV_H

#include <stdint.h>

#include "mote.h"

typedef struct csv_table {
  char *text;         // the file's, owned; fields point into it
  const char **rows;  // row_count × column_count fields, owned; the first row is the header
  uint32_t *lines;    // on which each row begins, owned
  size_t row_count;   // 1 at least
  int column_count;   // 1 at least
} csv_table;

// Rows of as many fields as the header has, between commas, ended by CRLF, LF or CR; the last one by the end of the file too. A
// field may stand in quotes, "" in it is one; blanks around others are left out, empty lines and a byte order mark too. Text is
// UTF-8 without zero bytes. `name` opens messages.
mote_status csv_parse(csv_table *table, const char *name, const uint8_t *bytes, size_t count, mote_error *error);
void csv_finish(csv_table *table);

static inline const char *csv_field(const csv_table *table, size_t row, int column) {
  return table->rows[row * (size_t)table->column_count + (size_t)column];
}

#endif

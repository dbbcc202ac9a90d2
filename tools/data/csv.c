// csv.c: tables as RFC 4180 has them, of UTF-8 text from anywhere.
#include "tools/data/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/list.h"
#include "runtime/text.h"

enum { COLUMNS_MOST = 4096 };

typedef struct reader {
  csv_table *table;
  const char *name;
  char *at, *end;  // what is still to be read; *end is 0
  uint32_t line;
  size_t field_count;
  mote_error *error;
} reader;

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool ends_row(char c) { return c == '\n' || c == '\r' || c == 0; }

// A field in quotes, in place, since it becomes no longer; `*field_end` is where its closing quote stood, or before.
static mote_status read_quoted(reader *r, char **field_end) {
  const uint32_t line = r->line;
  char *to = r->at;
  for (r->at++;; r->at++) {
    if (r->at == r->end)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: line %u: a quote is opened and not closed", r->name, line);
    if (*r->at == '"' && *++r->at != '"') break;
    r->line += *r->at == '\n' || (*r->at == '\r' && r->at[1] != '\n');
    *to++ = *r->at;
  }
  *field_end = to;
  while (is_blank(*r->at)) r->at++;
  if (*r->at == ',' || ends_row(*r->at)) return MOTE_OK;
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: line %u: found text after a closing quote, expected a comma; a quote within quotes "
              "is written twice", r->name, r->line);
}

static mote_status read_plain(reader *r, char **field_end) {
  while (*r->at != ',' && !ends_row(*r->at)) {
    if (*r->at == '"')
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: line %u: found a quote within a field, expected the whole field in quotes",
                  r->name, r->line);
    r->at++;
  }
  *field_end = r->at;
  return MOTE_OK;
}

// One field and what ends it, which is in `*ended_by` then and becomes the field's end.
static mote_status read_field(reader *r, char *ended_by) {
  csv_table *table = r->table;
  while (is_blank(*r->at)) r->at++;
  char *field = r->at, *field_end = NULL;
  const bool quoted = *field == '"';
  TRY(quoted ? read_quoted(r, &field_end) : read_plain(r, &field_end));
  while (!quoted && field_end > field && is_blank(field_end[-1])) field_end--;
  if (!LIST_ROOM(table->rows, r->field_count)) return fail(r->error, MOTE_ERROR_MEMORY, "%s: no memory for its fields", r->name);
  table->rows[r->field_count++] = field;
  *ended_by = *r->at;
  if (r->at < r->end) r->at++;
  *field_end = 0;
  return MOTE_OK;
}

// A row to the end of its line.
static mote_status read_row(reader *r) {
  csv_table *table = r->table;
  const uint32_t line = r->line;
  size_t count = 0;
  char ended_by = ',';
  if (!LIST_ROOM(table->lines, table->row_count)) return fail(r->error, MOTE_ERROR_MEMORY, "%s: no memory for its rows", r->name);
  table->lines[table->row_count] = line;
  for (; ended_by == ','; count++) TRY(read_field(r, &ended_by));
  if (ended_by == '\r' && *r->at == '\n') r->at++;
  r->line++;
  if (table->row_count == 0 && count > COLUMNS_MOST)
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: found %zu columns, expected %d at most", r->name, count, COLUMNS_MOST);
  if (table->row_count++ == 0) table->column_count = (int)count;
  if (count == (size_t)table->column_count) return MOTE_OK;
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: line %u: found %zu fields, expected %d as in the first line", r->name, line, count,
              table->column_count);
}

// What would be no text is found before anything is cut out of it.
static mote_status check_text(const reader *r) {
  uint32_t line = 1, code;
  for (const char *at = r->at; at < r->end;) {
    const size_t length = text_decode(at, (size_t)(r->end - at), &code);
    if (!length || !*at)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: line %u: is not UTF-8 text, which spreadsheets save as \"CSV UTF-8\"", r->name,
                  line);
    line += *at == '\n';
    at += length;
  }
  return MOTE_OK;
}

mote_status csv_parse(csv_table *table, const char *name, const uint8_t *bytes, size_t count, mote_error *error) {
  *table = (csv_table){.text = malloc(count + 1)};
  if (!table->text) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its %zu bytes", name, count);
  if (count) memcpy(table->text, bytes, count);
  table->text[count] = 0;
  const size_t mark = count >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
  reader r = {.table = table, .name = name, .at = table->text + mark, .end = table->text + count, .line = 1, .error = error};
  mote_status status = check_text(&r);
  while (!status && r.at < r.end) {
    if (*r.at == '\n' || *r.at == '\r') {
      r.line += *r.at == '\n' || r.at[1] != '\n';
      r.at++;
    } else {
      status = read_row(&r);
    }
  }
  if (!status && !table->row_count) status = fail(error, MOTE_ERROR_FORMAT, "%s: is empty, expected a line with the columns' names", name);
  if (status) csv_finish(table);
  return status;
}

void csv_finish(csv_table *table) {
  free(table->text);
  free(table->rows);
  free(table->lines);
  *table = (csv_table){0};
}

// json.h: reads and writes JSON, that of a safetensors header and small files. Strict: what is read here, every JSON parser reads alike.
#ifndef MOTE_GRAPH_FILES_JSON_H
#define MOTE_GRAPH_FILES_JSON_H

#include "mote.h"

// ---------------------------------------------------------------------------------------------------------------------
// Reading. A value is an index that lies in the document: its root is 0, members and elements follow their parent.

typedef struct json json;

typedef enum json_type {
  JSON_OBJECT,
  JSON_ARRAY,
  JSON_STRING,
  JSON_OTHER
} json_type;  // OTHER: number, true, false, null

#define JSON_HEADER "the header"

// Parses all of the `bytes` bytes at `text`, an object; blanks may follow it. `name`, the path as a rule, opens
// messages, and `part` says in them what of it this is.
mote_status json_parse(const char *name, const char *part, const char *text, size_t bytes, json **document, mote_error *error);
void json_destroy(json **document);

json_type json_get_type(const json *document, int value);
int json_count(const json *document, int value);  // elements of an array, members of an object

// The first element of an array or member of an object, and the one after `value`; -1 where there is none. A member is
// its key, a string, whose json_first is what stands after the colon.
int json_first(const json *document, int value);
int json_next(const json *document, int value);

// The string that a key or a string is, UTF-8 without NUL, which the document owns.
const char *json_string(const json *document, int value);

// False if the value is no number; too large ones are infinite.
bool json_number(const json *document, int value, double *number);

bool json_is_null(const json *document, int value);
bool json_is_true(const json *document, int value);

// ---------------------------------------------------------------------------------------------------------------------
// Writing

// Text that grows. All zeros is the empty one; the owner frees `text`.
typedef struct json_text {
  char *text;  // ends with NUL once something is written
  size_t length, capacity;
  bool out_of_memory;  // and what was written since is lost
} json_text;

void json_write(json_text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));  // as it stands
void json_write_string(json_text *out, const char *string);                                      // in quotes, escaped

// Refuses what json_parse would refuse whatever the grammar says: bad UTF-8, control characters and NULs inside strings
// (names would silently end there), deep nesting.
mote_status json_check_text(const char *name, const char *part, const char *text, size_t bytes, mote_error *error);

#endif

// json.h: prints the lines of --json, and adds what cJSON's doubles cannot hold.
#ifndef MOTE_TOOLS_JSON_H
#define MOTE_TOOLS_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "mote.h"

// All 64 bits, where cJSON's numbers keep 53.
void json_add_uint64(cJSON *object, const char *name, uint64_t value);

// The device as a bug report should name it.
cJSON *json_add_device(cJSON *object, const char *name, const mote_device_info *device);
void json_fill_device(cJSON *object, const mote_device_info *device);

// The JSON of `object`, `indented` or in one line; the caller's to free(). Its strings are UTF-8 and fit to be shown: what is not
// is written \u0085, and a byte that is no UTF-8 as text, \\xNN. NULL: no memory.
char *json_to_text(const cJSON *object, bool indented);

// Parses all of the `bytes` bytes at `text`, an object; cJSON_Delete is due. `*object` is NULL where they are none, which is the
// caller's to say; memory that runs out, which cJSON does not tell from that, is MOTE_ERROR_MEMORY and names `name`.
mote_status json_read(const char *name, const char *text, size_t bytes, cJSON **object, mote_error *error);

// Prints the object on a line of its own on stdout and deletes it.
void json_print_line(cJSON *object);

// Writes the object to a file, in lines that a person can read if `formatted`.
mote_status json_write_file(const cJSON *object, const char *path, bool formatted, mote_error *error);

// Whether a line did not reach standard output: its reader is gone, or a disk is full.
bool json_reader_gone(void);

#endif

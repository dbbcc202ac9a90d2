// json.c: prints the lines of --json, and adds what cJSON's doubles cannot hold.
#include "tools/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/files/json.h"
#include "runtime/error.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/text.h"
#include "tools/open.h"

void json_add_uint64(cJSON *object, const char *name, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, value);
  cJSON_AddRawToObject(object, name, text);
}

cJSON *json_add_device(cJSON *object, const char *name, const mote_device_info *device) {
  cJSON *child = cJSON_AddObjectToObject(object, name);
  json_fill_device(child, device);
  return child;
}

void json_fill_device(cJSON *object, const mote_device_info *device) {
  char version[36];
  snprintf(version, sizeof version, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, device->api_version[0], device->api_version[1],
           device->api_version[2]);
  cJSON_AddNumberToObject(object, "index", device->index);
  cJSON_AddStringToObject(object, "name", device->name);
  cJSON_AddStringToObject(object, "type", device_type_name(device->type));
  cJSON_AddStringToObject(object, "driver", device->driver);
  cJSON_AddStringToObject(object, "uuid", device->uuid);
  cJSON_AddStringToObject(object, "vulkan", version);
  json_add_uint64(object, "memory_bytes", device->memory_bytes);
  cJSON_AddNumberToObject(object, "subgroup_size", device->subgroup_size);
  cJSON_AddNumberToObject(object, "max_invocations", device->max_invocations);
  cJSON_AddNumberToObject(object, "shared_bytes", device->shared_bytes);
  cJSON_AddBoolToObject(object, "subgroup_shuffle", device->subgroup_shuffle);
  cJSON_AddBoolToObject(object, "float16", device->float16);
  cJSON_AddBoolToObject(object, "cooperative_matrix", device->cooperative_matrix);
  cJSON_AddBoolToObject(object, "timestamps", device->timestamps);
  cJSON_AddBoolToObject(object, "usable", device->usable);
  cJSON_AddBoolToObject(object, "chosen", device->chosen);
  cJSON_AddStringToObject(object, "reason", device->reason);
}

// Appends what stands for the character or byte at `text` to `*to`; the length that it has there.
static size_t escape(const char *text, size_t bytes, char **to) {
  uint32_t code;
  size_t length = text_decode(text, bytes, &code);
  if (!length) {
    *to += sprintf(*to, "\\\\x%02x", (unsigned)(uint8_t)*text);
    return 1;
  }
  if (code < 0x80 ? code != 0x7f : text_is_clean(text, length)) {  // cJSON has escaped the lower ones, or indents by them
    memcpy(*to, text, length);
    *to += length;
  } else if (code < 0x10000) {
    *to += sprintf(*to, "\\u%04x", (unsigned)code);
  } else {
    code -= 0x10000;
    *to += sprintf(*to, "\\u%04x\\u%04x", (unsigned)(0xd800 + (code >> 10)), (unsigned)(0xdc00 + (code & 0x3ff)));
  }
  return length;
}

char *json_to_text(const cJSON *object, bool indented) {
  char *raw = indented ? cJSON_Print(object) : cJSON_PrintUnformatted(object);
  size_t bytes = raw ? strlen(raw) : 0;
  char *text = raw ? malloc(6 * bytes + 1) : NULL, *to = text;
  for (size_t i = 0; text && i < bytes;) i += escape(raw + i, bytes - i, &to);
  if (text) *to = 0;
  cJSON_free(raw);
  return text;
}

mote_status json_read(const char *name, const char *text, size_t bytes, cJSON **object, mote_error *error) {
  const char *end = text;
  *object = cJSON_ParseWithLengthOpts(text, bytes, &end, false);
  if (*object) {
    while (end < text + bytes && strchr(" \t\r\n", *end)) end++;  // and the zero byte that may be counted
    if (end == text + bytes) return MOTE_OK;
    cJSON_Delete(*object);
    *object = NULL;
    return MOTE_OK;
  }
  json *checked = NULL;
  mote_status status = json_parse(name, "the file", text, bytes, &checked, NULL);
  json_destroy(&checked);
  // What another reader takes was refused for want of memory.
  return !status || status == MOTE_ERROR_MEMORY ? fail(error, MOTE_ERROR_MEMORY, "%s: no memory to read it", name) : MOTE_OK;
}

void json_print_line(cJSON *object) {
  char *text = json_to_text(object, false);
  // Only a lack of memory leaves no text; the reader of the lines must see that one is missing.
  puts(text ? text : "{\"event\":\"error\",\"message\":\"out of memory\"}");
  fflush(stdout);
  free(text);
  cJSON_Delete(object);
}

mote_status json_write_file(const cJSON *object, const char *path, bool formatted, mote_error *error) {
  char *text = json_to_text(object, formatted);
  if (!text) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory to write it", path);
  file_writer writer;
  mote_status status = file_writer_init(&writer, path, error);
  if (!status) {
    status = file_writer_write(&writer, text, strlen(text), error);
    if (!status) status = file_writer_write(&writer, "\n", 1, error);
    if (status)
      file_writer_abort(&writer);
    else
      status = file_writer_commit(&writer, error);
  }
  free(text);
  return status;
}

bool json_reader_gone(void) {
  return ferror(stdout) != 0;
}

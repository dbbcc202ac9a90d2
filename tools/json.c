// json.c: prints the lines of --json, and adds what cJSON's doubles cannot hold.
#include "tools/json.h"

#include <inttypes.h>
#include <stdio.h>

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

void json_print_line(cJSON *object) {
  char *text = cJSON_PrintUnformatted(object);
  // Only a lack of memory leaves no text; the reader of the lines must see that one is missing.
  puts(text ? text : "{\"event\":\"error\",\"message\":\"out of memory\"}");
  fflush(stdout);
  cJSON_free(text);
  cJSON_Delete(object);
}

bool json_reader_gone(void) {
  return ferror(stdout) != 0;
}

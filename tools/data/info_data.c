// info_data.c: the part of `mote info` that shows what a data set holds.
#include "tools/data/info_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/data/contact_sheet.h"
#include "tools/images/image_read.h"
#include "tools/json.h"
#include "tools/output.h"
#include "tools/say.h"

#define SHEET_COLUMNS 16

static bool is_named_so(const char *path) {
  size_t length = strlen(path);
  const char *end = length > 4 ? path + length - 4 : "";
  return image_name_is_read(path) || !strcasecmp(end, ".npy") || !strcasecmp(end, ".npz");
}

bool info_is_data(const char *path) {
  struct stat found;
  uint8_t head[FILE_KIND_BYTES];
  size_t bytes = 0;
  if (!path || !*path) return false;
  if (!stat(path, &found) && S_ISDIR(found.st_mode)) return true;
  if (!strcmp(path, DATASET_DEFAULT_NAME)) return true;
  const file_kind *kind = NULL;
  if (!file_read_head(path, head, sizeof head, &bytes, NULL)) kind = file_kind_of(head, bytes);
  if (!kind) return is_named_so(path);
  if (!strcmp(kind->format, "safetensors")) return false;
  return is_named_so(path) || image_kind_is_read(kind) || !strcmp(kind->format, "npy") || !strcmp(kind->format, "npz");
}

static void print_text(const dataset *set, const char *picture) {
  print("%s\n", set->source);
  if (*set->arrays) print("arrays          %s\n", set->arrays);
  print("images          %u of %d x %d, %d channel%s\n", (unsigned)set->count, set->height, set->height, set->channels,
         set->channels == 1 ? "" : "s");
  char left_out[256];
  dataset_describe_left_out(set, left_out, sizeof left_out);
  if (set->empty_count || set->duplicate_count)
    print("left out        %u empty tiles, %u repeated ones\n", (unsigned)set->empty_count,
           (unsigned)set->duplicate_count);
  if (*left_out) print("left out        %s\n", left_out);
  if (set->composited) print("transparency    composited on a colour (--background); --channels 4 keeps it\n");
  if (set->class_count)
    print("classes         %d\n", set->class_count);
  else
    print("classes         none; %s\n", set->class_hint);
  for (int i = 0; i < set->class_count; i++)
    print("  %-13s %u\n", set->classes[i], (unsigned)dataset_class_size(set, i));
  if (picture)
    print("wrote %s\n", picture);
  else
    print("-o sheet.png writes a contact sheet\n");
}

static void print_json(const dataset *set, const char *picture) {
  char hash[24];
  snprintf(hash, sizeof hash, "%016" PRIx64, dataset_hash(set));
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "data");
  cJSON_AddStringToObject(json, "source", set->source);
  if (*set->arrays) cJSON_AddStringToObject(json, "arrays", set->arrays);
  cJSON_AddNumberToObject(json, "images", set->count);
  cJSON_AddNumberToObject(json, "height", set->height);
  cJSON_AddNumberToObject(json, "channels", set->channels);
  cJSON_AddBoolToObject(json, "composited", set->composited);
  cJSON_AddNumberToObject(json, "empty_tiles", set->empty_count);
  cJSON_AddNumberToObject(json, "repeated_tiles", set->duplicate_count);
  cJSON *left_out = cJSON_AddObjectToObject(json, "left_out");
  for (int i = 0; i < DATASET_LEFT_OUT_KINDS && set->left_out[i].count; i++)
    cJSON_AddNumberToObject(left_out, set->left_out[i].kind, set->left_out[i].count);
  cJSON_AddStringToObject(json, "hash", hash);
  cJSON *classes = cJSON_AddArrayToObject(json, "classes");
  for (int i = 0; i < set->class_count; i++) {
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", set->classes[i]);
    cJSON_AddNumberToObject(entry, "images", dataset_class_size(set, i));
    cJSON_AddItemToArray(classes, entry);
  }
  if (picture) cJSON_AddStringToObject(json, "contact_sheet", picture);
  json_print_line(json);
}

static mote_status write_sheet(const dataset *set, const char *path, mote_error *error) {
  image sheet;
  TRY(contact_sheet_of_dataset(&sheet, set, SHEET_COLUMNS, set->height < 32 ? 32 / set->height : 1, error));
  mote_status status = image_save_png(&sheet, path, error);
  image_finish(&sheet);
  return status;
}

static mote_status check_picture(const dataset_desc *desc, const char *picture, mote_error *error) {
  file_claims claims = {0};
  if (picture) TRY(output_check_extension("-o", picture, ".png", error));
  claims_read(&claims, "DATA", desc->path);
  claims_read(&claims, "--classes", desc->classes);
  claims_read(&claims, "--labels", desc->labels);
  claims_write(&claims, "-o", picture);
  return claims_settle(&claims, error);
}

mote_status info_show_data(const dataset_desc *desc, const char *picture, bool json, mote_error *error) {
  dataset set;
  TRY(check_picture(desc, picture, error));
  TRY(dataset_init(&set, desc, error));
  mote_status status = picture ? write_sheet(&set, picture, error) : MOTE_OK;
  if (!status && json) print_json(&set, picture);
  if (!status && !json) print_text(&set, picture);
  dataset_finish(&set);
  return status;
}

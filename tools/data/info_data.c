// info_data.c: the part of `mote info` that shows what a data set holds.
#include "tools/data/info_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "graph/files/diffusers.h"
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
  if (!stat(path, &found) && S_ISDIR(found.st_mode)) return !diffusers_is_folder(path);
  if (!strcmp(path, DATASET_DEFAULT_NAME)) return true;
  const file_kind *kind = NULL;
  if (!file_read_head(path, head, sizeof head, &bytes, NULL)) kind = file_kind_of(head, bytes);
  if (!kind) return is_named_so(path);
  if (!strcmp(kind->format, "safetensors")) return false;
  return is_named_so(path) || image_kind_is_read(kind) || !strcmp(kind->format, "npy") || !strcmp(kind->format, "npz");
}

// How many images say something of the attribute whose first number is in place `first`.
static uint32_t known(const dataset *set, const mote_attribute *attribute, int first) {
  uint32_t count = 0;
  for (int i = 0; i < attribute->count; i++) count += dataset_class_size(set, first + i);
  return count;
}

static void print_attributes(const dataset *set) {
  print("attributes      %d, in a context of %d numbers\n", set->attribute_count, dataset_context_length(set));
  for (int i = 0, first = 0; i < set->attribute_count; first += set->attributes[i++].count) {
    const mote_attribute *a = &set->attributes[i];
    const uint32_t unknown = set->count - known(set, a, first);
    if (a->is_number)
      print("  %-13s %g to %g\n", a->name, a->low, a->high);
    else
      print("  %-13s %d label%s\n", a->name, a->count, a->count == 1 ? "" : "s");
    for (int k = 0; k < a->count && !a->is_number; k++)
      print("    %-11s %u\n", set->classes[first + k], (unsigned)dataset_class_size(set, first + k));
    if (unknown) print("    not known   %u\n", (unsigned)unknown);
  }
}

static void print_text(const dataset *set, const char *picture) {
  print("%s\n", set->source);
  if (*set->arrays) print("arrays          %s\n", set->arrays);
  print("images          %u of %d x %d, %d channel%s\n", (unsigned)set->count, set->size.width, set->size.height, set->size.channels,
         set->size.channels == 1 ? "" : "s");
  char left_out[256];
  dataset_describe_left_out(set, left_out, sizeof left_out);
  if (set->empty_count || set->duplicate_count)
    print("left out        %u empty tiles, %u repeated ones\n", (unsigned)set->empty_count,
           (unsigned)set->duplicate_count);
  if (*left_out) print("left out        %s\n", left_out);
  if (set->unlisted_count) print("without a row   %u of metadata.csv; the first is %s\n", set->unlisted_count, set->unlisted);
  if (set->surplus_count) print("without a file  %u of the rows; the first is %s\n", set->surplus_count, set->surplus);
  if (set->composited) print("transparency    composited on a colour (--background); --channels 4 keeps it\n");
  if (set->attribute_count)
    print_attributes(set);
  else if (set->contexts)
    print("contexts        %d numbers\n", set->context_length);
  else if (set->class_count)
    print("classes         %d\n", set->class_count);
  else
    print("classes         none; %s\n", set->class_hint);
  for (int i = 0; i < set->class_count && !set->attribute_count; i++)
    print("  %-13s %u\n", set->classes[i], (unsigned)dataset_class_size(set, i));
  if (picture)
    print("wrote %s\n", picture);
  else
    print("-o sheet.png writes a contact sheet\n");
}

static void add_counts(cJSON *list, const dataset *set, int first, int count) {
  for (int i = first; i < first + count; i++) {
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", set->classes[i]);
    cJSON_AddNumberToObject(entry, "images", dataset_class_size(set, i));
    cJSON_AddItemToArray(list, entry);
  }
}

static void add_attributes(cJSON *list, const dataset *set) {
  for (int i = 0, first = 0; i < set->attribute_count; first += set->attributes[i++].count) {
    const mote_attribute *a = &set->attributes[i];
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", a->name);
    cJSON_AddNumberToObject(entry, "images", known(set, a, first));
    if (a->is_number) cJSON_AddNumberToObject(entry, "low", a->low);
    if (a->is_number) cJSON_AddNumberToObject(entry, "high", a->high);
    if (!a->is_number) add_counts(cJSON_AddArrayToObject(entry, "labels"), set, first, a->count);
    cJSON_AddItemToArray(list, entry);
  }
}

static void print_json(const dataset *set, const char *picture) {
  char hash[24];
  snprintf(hash, sizeof hash, "%016" PRIx64, dataset_hash(set));
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "data");
  cJSON_AddStringToObject(json, "source", set->source);
  if (*set->arrays) cJSON_AddStringToObject(json, "arrays", set->arrays);
  cJSON_AddNumberToObject(json, "images", set->count);
  cJSON_AddNumberToObject(json, "height", set->size.height);
  cJSON_AddNumberToObject(json, "width", set->size.width);
  cJSON_AddNumberToObject(json, "channels", set->size.channels);
  cJSON_AddBoolToObject(json, "composited", set->composited);
  cJSON_AddNumberToObject(json, "empty_tiles", set->empty_count);
  cJSON_AddNumberToObject(json, "repeated_tiles", set->duplicate_count);
  cJSON *left_out = cJSON_AddObjectToObject(json, "left_out");
  for (int i = 0; i < DATASET_LEFT_OUT_KINDS && set->left_out[i].count; i++)
    cJSON_AddNumberToObject(left_out, set->left_out[i].kind, set->left_out[i].count);
  cJSON_AddStringToObject(json, "hash", hash);
  cJSON_AddNumberToObject(json, "context", dataset_context_length(set));
  add_counts(cJSON_AddArrayToObject(json, "classes"), set, 0, set->attribute_count ? 0 : set->class_count);
  add_attributes(cJSON_AddArrayToObject(json, "attributes"), set);
  cJSON_AddNumberToObject(json, "unlisted_images", set->unlisted_count);
  cJSON_AddNumberToObject(json, "surplus_rows", set->surplus_count);
  if (picture) cJSON_AddStringToObject(json, "contact_sheet", picture);
  json_print_line(json);
}

static mote_status write_sheet(const dataset *set, const char *path, mote_error *error) {
  image sheet;
  const int side = set->size.width > set->size.height ? set->size.width : set->size.height;
  TRY(contact_sheet_of_dataset(&sheet, set, SHEET_COLUMNS, side < 32 ? 32 / side : 1, error));
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
  claims_read(&claims, "--contexts", desc->contexts);
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

// diffusers.c: finds and reads the files of a folder that diffusers saved.
#include "graph/files/diffusers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/files/json.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/number.h"

static const size_t max_bytes = 1 << 20;  // of a config; those of diffusers are some kilobytes

// ---------------------------------------------------------------------------------------------------------------------
// Records

// Python's json writes infinities that JSON has not; as long a number stands for one, which is too large for a double.
static void replace_infinities(char *text) {
  bool in_string = false;
  for (char *at = text; *at; at++) {
    if (in_string && *at == '\\' && at[1]) {
      at++;
    } else if (*at == '"') {
      in_string = !in_string;
    } else if (!in_string && !strncmp(at, "Infinity", 8)) {
      memcpy(at, "1e999999", 8);
    }
  }
}

static bool append(diffusers_record *record, const char *text) {
  const size_t used = strlen(record->text), length = strlen(text);
  if (used + length >= sizeof record->text) return false;
  memcpy(record->text + used, text, length + 1);
  return true;
}

// A number, string or truth at the end of the record's text. False: it is another thing, or there is no room.
static bool append_value(const json *document, int value, diffusers_record *record, diffusers_type *type) {
  double number;
  if (json_get_type(document, value) == JSON_STRING) {
    *type = DIFFUSERS_STRING;
    return append(record, json_string(document, value));
  }
  if (json_get_type(document, value) != JSON_OTHER) return false;
  if (json_number(document, value, &number)) {
    *type = DIFFUSERS_NUMBER;
    const bool finite = number - number == 0;
    return append(record, finite ? number_format(number).text : number > 0 ? "infinity" : "-infinity");
  }
  *type = json_is_null(document, value) ? DIFFUSERS_NULL : DIFFUSERS_BOOL;
  return *type == DIFFUSERS_NULL || append(record, json_is_true(document, value) ? "true" : "false");
}

static bool append_list(const json *document, int list, diffusers_record *record) {
  diffusers_type type;
  for (int i = json_first(document, list); i >= 0; i = json_next(document, i)) {
    const bool holds_comma = json_get_type(document, i) == JSON_STRING && strchr(json_string(document, i), ',');
    if (holds_comma || (record->text[0] && !append(record, ","))) return false;
    if (!append_value(document, i, record, &type) || type == DIFFUSERS_NULL) return false;
  }
  return true;
}

static mote_status take_member(const json *document, int key, diffusers_config *config, mote_error *error) {
  const char *name = json_string(document, key);
  const int value = json_first(document, key);
  diffusers_record *record = &config->records[config->count];
  *record = (diffusers_record){.type = DIFFUSERS_LIST};
  if (config->count == DIFFUSERS_RECORDS)
    return fail(error, MOTE_ERROR_FORMAT, "%s: holds more than %d members", config->path, DIFFUSERS_RECORDS);
  if (strlen(name) >= sizeof record->key)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found the key %.60s..., expected up to %zu bytes", config->path, name,
                sizeof record->key - 1);
  if (diffusers_find(config, name)) return fail(error, MOTE_ERROR_FORMAT, "%s: %s stands there twice", config->path, name);
  memcpy(record->key, name, strlen(name) + 1);
  config->count++;
  const bool is_list = json_get_type(document, value) == JSON_ARRAY;
  if (is_list ? append_list(document, value, record) : append_value(document, value, record, &record->type)) return MOTE_OK;
  record->type = DIFFUSERS_OTHER;
  record->text[0] = 0;
  return MOTE_OK;
}

static mote_status take_members(const json *document, diffusers_config *config, mote_error *error) {
  for (int key = json_first(document, 0); key >= 0; key = json_next(document, key))
    TRY(take_member(document, key, config, error));
  return MOTE_OK;
}

mote_status diffusers_read(const char *path, diffusers_config *config, mote_error *error) {
  uint8_t *text = NULL;
  size_t bytes;
  json *document = NULL;
  *config = (diffusers_config){.path = path};
  TRY(file_read_regular(path, max_bytes, &text, &bytes, error));
  replace_infinities((char *)text);
  mote_status status = json_parse(path, "the file", (const char *)text, bytes, &document, error);
  if (!status) status = take_members(document, config, error);
  json_destroy(&document);
  free(text);
  return status;
}

const diffusers_record *diffusers_find(const diffusers_config *config, const char *key) {
  for (int i = 0; i < config->count; i++)
    if (!strcmp(config->records[i].key, key)) return &config->records[i];
  return NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Folders

// False: the path is too long.
static bool join(char *path, const char *folder, const char *name) {
  return (size_t)snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

static bool is_there(const char *folder, const char *name) {
  char path[PATH_MAX];
  struct stat found;
  return join(path, folder, name) && !stat(path, &found) && !S_ISDIR(found.st_mode);
}

bool diffusers_is_any_folder(const char *path) {
  struct stat found;
  return !stat(path, &found) && S_ISDIR(found.st_mode);
}

bool diffusers_is_folder(const char *path) {
  return diffusers_is_any_folder(path) && (is_there(path, DIFFUSERS_INDEX) || is_there(path, DIFFUSERS_CONFIG));
}

// Of ["diffusers", "UNet2DModel"], or [null, null] for a part that the pipeline has not; `class` NULL: any.
static mote_status check_part(const char *path, const diffusers_record *part, const char *class, mote_error *error) {
  const char *comma = strchr(part->text, ',');
  if (part->type == DIFFUSERS_LIST && comma && (!class || !strcmp(comma + 1, class))) return MOTE_OK;
  return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: %s is %s, expected %s of diffusers", path, part->key,
              part->text[0] ? part->text : "nothing that mote knows", class ? class : "a scheduler");
}

// A pipeline's parts are the members that are lists.
static mote_status check_index(const char *path, mote_error *error) {
  diffusers_config index;
  TRY(diffusers_read(path, &index, error));
  static const char *const parts[] = {"unet", "scheduler"};
  for (int i = 0; i < index.count; i++) {
    const diffusers_record *part = &index.records[i];
    if (part->type != DIFFUSERS_LIST || !strcmp(part->key, parts[0]) || !strcmp(part->key, parts[1])) continue;
    return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: found a pipeline with a %s, expected a unet and a scheduler alone", path,
                part->key);
  }
  for (int i = 0; i < 2; i++) {
    const diffusers_record *part = diffusers_find(&index, parts[i]);
    if (!part) return fail(error, MOTE_ERROR_FORMAT, "%s: names no %s, expected a unet and a scheduler", path, parts[i]);
    TRY(check_part(path, part, i ? NULL : "UNet2DModel", error));
  }
  return MOTE_OK;
}

static mote_status check_weights(const char *folder, mote_error *error) {
  if (is_there(folder, DIFFUSERS_WEIGHTS)) return MOTE_OK;
  if (is_there(folder, "diffusion_pytorch_model.bin"))
    return fail(error, MOTE_ERROR_UNSUPPORTED,
                "%s: found diffusion_pytorch_model.bin, a pickle, which can run any code, expected " DIFFUSERS_WEIGHTS
                ": load the folder with diffusers and save it again with save_pretrained(FOLDER)", folder);
  if (is_there(folder, DIFFUSERS_WEIGHTS ".index.json"))
    return fail(error, MOTE_ERROR_UNSUPPORTED,
                "%s: found weights in several files, expected " DIFFUSERS_WEIGHTS
                " alone: save them again with save_pretrained(FOLDER, max_shard_size=\"100GB\")", folder);
  return fail(error, MOTE_ERROR_FILE, "%s: found no " DIFFUSERS_WEIGHTS, folder);
}

bool diffusers_name_files(const char *path, bool pipeline, diffusers_folder *folder) {
  char scheduler[PATH_MAX];
  *folder = (diffusers_folder){""};
  if (!pipeline) return join(folder->config, path, DIFFUSERS_CONFIG) && join(folder->weights, path, DIFFUSERS_WEIGHTS);
  return join(folder->index, path, DIFFUSERS_INDEX) && join(folder->unet, path, "unet") && join(scheduler, path, "scheduler") &&
         join(folder->config, folder->unet, DIFFUSERS_CONFIG) && join(folder->weights, folder->unet, DIFFUSERS_WEIGHTS) &&
         join(folder->scheduler, scheduler, DIFFUSERS_SCHEDULER);
}

mote_status diffusers_open(const char *path, diffusers_folder *folder, mote_error *error) {
  const bool pipeline = is_there(path, DIFFUSERS_INDEX);
  if (!diffusers_name_files(path, pipeline, folder))
    return fail(error, MOTE_ERROR_FILE, "%s: the names of its files are too long", path);
  if (!pipeline && !is_there(path, DIFFUSERS_CONFIG))
    return fail(error, MOTE_ERROR_FILE,
                "%s: is a folder without " DIFFUSERS_INDEX " and " DIFFUSERS_CONFIG ", expected one that diffusers saved, or a file",
                path);
  if (!pipeline) return check_weights(path, error);
  TRY(check_index(folder->index, error));
  return check_weights(folder->unet, error);
}

// distill_plan.c: what `mote distill` was asked for, kept as distill.json in the folder of the last round's run.
#include "tools/train/distill_plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/data/dataset.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/train/train_options.h"

enum { PLAN_MAX_BYTES = 1 << 20 };

// "--labels=l.npy": where the name of the file begins, if the option is one of a file that is read; else NULL.
static const char *file_of_word(const char *word) {
  const char *equals = strchr(word, '=');
  for (int i = 0; equals && i < train_setting_count; i++)
    if (train_settings[i].kind == SETTING_PATH && strlen(train_settings[i].name) == (size_t)(equals - word) - 2 &&
        !strncmp(train_settings[i].name, word + 2, (size_t)(equals - word) - 2))
      return equals + 1;
  return NULL;
}

static mote_status add_words(const distill_plan *p, const char *output, cJSON *words, mote_error *error) {
  char stored[PATH_MAX], word[PATH_MAX + 64];
  for (int i = 0; i < p->word_count; i++) {
    const char *file = file_of_word(p->words[i]);
    if (file) TRY(train_file_store("mote distill", output, file, stored, error));
    snprintf(word, sizeof word, "%.*s%s", file ? (int)(file - p->words[i]) : PATH_MAX, p->words[i], file ? stored : "");
    cJSON_AddItemToArray(words, cJSON_CreateString(word));
  }
  return MOTE_OK;
}

static mote_status describe(const distill_plan *p, const char *output, cJSON *json, mote_error *error) {
  char stored[PATH_MAX] = DATASET_DEFAULT_NAME, digest[TRAIN_DIGEST_BYTES];
  cJSON_AddStringToObject(json, "mote", MOTE_VERSION);
  if (p->data && strcmp(p->data, DATASET_DEFAULT_NAME) && strcmp(p->data, DATASET_DEFAULT_PATH))
    TRY(train_file_store("DATA", output, p->data, stored, error));
  cJSON_AddStringToObject(json, "data", stored);
  TRY(train_file_store("MODEL", output, p->model, stored, error));
  cJSON_AddStringToObject(json, "model", stored);
  TRY(train_file_digest("MODEL", p->model, digest, error));
  cJSON_AddStringToObject(json, "digest", digest);
  cJSON_AddNumberToObject(json, "steps", p->steps);
  cJSON_AddNumberToObject(json, "from", p->from);
  cJSON_AddNumberToObject(json, "round-steps", p->round_steps);
  cJSON_AddNumberToObject(json, "guidance", p->guidance);
  cJSON_AddBoolToObject(json, "force", p->force);
  cJSON_AddStringToObject(json, "kernels", p->kernels);
  return add_words(p, output, cJSON_AddArrayToObject(json, "train"), error);
}

mote_status distill_plan_write(const distill_plan *p, const char *output, const char *path, mote_error *error) {
  cJSON *json = cJSON_CreateObject();
  mote_status status = describe(p, output, json, error);
  if (!status) status = json_write_file(json, path, true, error);
  cJSON_Delete(json);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

static mote_status fail_plan(const char *path, const char *name, mote_error *error) {
  return fail(error, MOTE_ERROR_FORMAT, "%s: \"%s\" cannot be understood, expected the plan of mote distill", path, name);
}

static mote_status read_number(const cJSON *json, const char *path, const char *name, double least, double most, double *value,
                               mote_error *error) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
  *value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
  return *value >= least && *value <= most ? MOTE_OK : fail_plan(path, name, error);
}

static mote_status read_count(const cJSON *json, const char *path, const char *name, double least, double most, int *value,
                              mote_error *error) {
  double number = 0;
  TRY(read_number(json, path, name, least, most, &number, error));
  *value = (int)number;
  return *value == number ? MOTE_OK : fail_plan(path, name, error);
}

// The name of the file is replaced by where it is now.
static mote_status find_file(cJSON *item, const char *output, size_t prefix, mote_error *error) {
  char found[PATH_MAX], word[PATH_MAX + 64];
  const char *text = cJSON_GetStringValue(item);
  if (!train_file_find(output, text + prefix, found)) return MOTE_OK;  // mote train says what is missing
  snprintf(word, sizeof word, "%.*s%s", (int)prefix, text, found);
  return cJSON_SetValuestring(item, word) ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory for %s", found);
}

static mote_status read_file_name(const cJSON *json, const char *output, const char *path, const char *name, const char **file,
                                  mote_error *error) {
  cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
  if (!cJSON_IsString(item)) return fail_plan(path, name, error);
  if (strcmp(item->valuestring, DATASET_DEFAULT_NAME) || strcmp(name, "data")) TRY(find_file(item, output, 0, error));
  *file = item->valuestring;
  return MOTE_OK;
}

static mote_status read_words(distill_plan *p, const cJSON *json, const char *output, const char *path, mote_error *error) {
  const cJSON *words = cJSON_GetObjectItemCaseSensitive(json, "train");
  cJSON *word = NULL;
  if (!cJSON_IsArray(words)) return fail_plan(path, "train", error);
  cJSON_ArrayForEach(word, words) {
    if (!cJSON_IsString(word) || strncmp(word->valuestring, "--", 2) || p->word_count == DISTILL_WORDS_MOST / 2)
      return fail_plan(path, "train", error);
    const char *file = file_of_word(word->valuestring);
    if (file && strlen(file) < PATH_MAX) TRY(find_file(word, output, (size_t)(file - word->valuestring), error));
    p->words[p->word_count++] = word->valuestring;
  }
  return MOTE_OK;
}

mote_status distill_plan_read(distill_plan *p, const char *output, const char *path, cJSON **json, mote_error *error) {
  uint8_t *text = NULL;
  size_t bytes = 0;
  common_options common;
  mote_error ignored;
  *p = (distill_plan){0};
  TRY(file_read(path, PLAN_MAX_BYTES, &text, &bytes, error));
  *json = cJSON_ParseWithLength((const char *)text, bytes);
  free(text);
  const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(*json, "kernels"));
  if (!name || kernels_take(&common, name, &ignored)) return fail_plan(path, "kernels", error);
  p->kernels = name;
  p->force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(*json, "force"));
  TRY(read_file_name(*json, output, path, "model", &p->model, error));
  TRY(read_file_name(*json, output, path, "data", &p->data, error));
  if (!strcmp(p->data, DATASET_DEFAULT_NAME)) p->data = DATASET_DEFAULT_PATH;
  TRY(read_count(*json, path, "steps", 1, 1024, &p->steps, error));
  TRY(read_count(*json, path, "from", 2, 1 << 20, &p->from, error));
  TRY(read_count(*json, path, "round-steps", 1, 2147483647, &p->round_steps, error));
  TRY(read_number(*json, path, "guidance", 0.01, 100, &p->guidance, error));
  int halved = p->from;
  while (halved > p->steps && halved % 2 == 0) halved /= 2;
  if (halved != p->steps || p->from == p->steps) return fail_plan(path, "from", error);
  return read_words(p, *json, output, path, error);
}

mote_status distill_plan_compare_model(const cJSON *json, const char *model, mote_error *error) {
  const char *then = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "digest"));
  char now[TRAIN_DIGEST_BYTES];
  if (!then || access(model, R_OK)) return MOTE_OK;
  TRY(train_file_digest("MODEL", model, now, error));
  if (!strcmp(now, then)) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE, "MODEL: %s is not the model that the run was started with; start another run, with another -o",
              model);
}

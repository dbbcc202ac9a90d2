// train_written.c: which models a run wrote.
#include "tools/train/train_written.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/json.h"
#include "tools/say.h"
#include "tools/train/train_files.h"

enum { MOST_BYTES = 4096 };

static bool exists(const char *path) {
  struct stat found;
  return !stat(path, &found);
}

static mote_status note(const train_paths *p, const char *before, const char *now, mote_error *error) {
  const char *const digests[] = {before, now};
  cJSON *json = cJSON_CreateObject(), *models = cJSON_AddArrayToObject(json, "models");
  for (int i = 0; i < 2; i++)
    if (*digests[i]) cJSON_AddItemToArray(models, cJSON_CreateString(digests[i]));
  mote_status status = json_write_file(json, p->written, true, error);
  cJSON_Delete(json);
  return status;
}

mote_status train_written_begin(const train_paths *p, const char *output, mote_error *error) {
  char there[TRAIN_DIGEST_BYTES] = "";
  if (exists(output)) TRY(train_file_digest("-o", output, there, error));
  return note(p, there, "", error);
}

static bool holds(const cJSON *models, const char *digest) {
  const cJSON *model;
  cJSON_ArrayForEach(model, models)
    if (cJSON_IsString(model) && !strcmp(model->valuestring, digest)) return true;
  return false;
}

mote_status train_written_check(const train_paths *p, const char *output, mote_error *error) {
  char digest[TRAIN_DIGEST_BYTES];
  uint8_t *text;
  size_t bytes;
  cJSON *json;
  if (!exists(output)) return MOTE_OK;
  TRY(train_file_digest("-o", output, digest, error));
  if (!*digest) return MOTE_OK;
  if (!exists(p->written)) {
    say("%s: the run is of an older version, which does not tell whether it wrote %s; it is taken to have", p->folder, output);
    return MOTE_OK;
  }
  TRY(file_read_regular(p->written, MOST_BYTES, &text, &bytes, error));
  mote_status status = json_read(p->written, (const char *)text, bytes, &json, error);
  free(text);
  if (status) return status;
  bool own = holds(cJSON_GetObjectItemCaseSensitive(json, "models"), digest);
  cJSON_Delete(json);
  if (own) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE, "-o: %s is not the model that the run in %s wrote, which would replace it; move it away to go on",
              output, p->folder);
}

mote_status train_written_save(const train_paths *p, mote_trainer *trainer, const char *output, bool half, mote_error *error) {
  char before[TRAIN_DIGEST_BYTES] = "", next[TRAIN_DIGEST_BYTES] = "";
  if (exists(output)) TRY(train_file_digest("-o", output, before, error));
  mote_status status = mote_trainer_save_weights(trainer, p->next, half, error);
  if (!status) status = train_file_digest("-o", p->next, next, error);
  if (unlink(p->next) && errno != ENOENT && !status)
    status = fail(error, MOTE_ERROR_FILE, "%s: cannot be removed: %s", p->next, strerror(errno));
  if (!status) status = note(p, before, next, error);
  return status ? status : mote_trainer_save_weights(trainer, output, half, error);
}

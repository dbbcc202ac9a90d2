// train_settings.c: the settings.json of a run's folder: written when a run begins, compared when it goes on.
#include "tools/train_settings.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/json.h"

#define SETTINGS_MAX_BYTES ((size_t)1 << 20)

static cJSON *setting_to_json(const train_options *o, const train_setting *s) {
  const void *value = train_setting_value(o, s);
  char text[24];
  switch (s->kind) {
    case SETTING_INT:  // below the least that can be asked for: not given
      return *(const int *)value >= s->minimum ? cJSON_CreateNumber(*(const int *)value) : NULL;
    case SETTING_UINT64:  // as text, since a JSON number keeps 53 bits
      snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)value);
      return cJSON_CreateString(text);
    case SETTING_DOUBLE:
      return cJSON_CreateNumber(*(const double *)value);
    case SETTING_CHOICE:
      return cJSON_CreateString(s->choices[*(const int *)value]);
    case SETTING_TEXT:
      return *(char *const *)value ? cJSON_CreateString(*(char *const *)value) : NULL;
    case SETTING_FLAG:
      return cJSON_CreateBool(*(const bool *)value);
  }
  return NULL;
}

static void format_hash(const train_settings_desc *d, char *text, size_t bytes) {
  snprintf(text, bytes, "%016" PRIx64, dataset_hash(d->train) ^ (dataset_hash(d->held_out) * 31));
}

static cJSON *describe(const train_settings_desc *d) {
  char hash[24];
  format_hash(d, hash, sizeof hash);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "mote", MOTE_VERSION);
  cJSON_AddStringToObject(json, "data", d->options->data ? d->options->data : DATASET_DEFAULT_NAME);
  cJSON *settings = cJSON_AddObjectToObject(json, "settings");
  for (int i = 0; i < train_setting_count; i++) {
    const train_setting *s = &train_settings[i];
    cJSON *value = s->role == SETTING_LOCAL ? NULL : setting_to_json(d->options, s);
    // What was not asked for is null, so that all options can be seen.
    if (s->role != SETTING_LOCAL) cJSON_AddItemToObject(settings, s->name, value ? value : cJSON_CreateNull());
  }
  cJSON *images = cJSON_AddObjectToObject(json, "images");
  cJSON_AddStringToObject(images, "source", d->train->source);
  cJSON_AddNumberToObject(images, "train", d->train->count);
  cJSON_AddNumberToObject(images, "held_out", d->held_out->count);
  cJSON_AddNumberToObject(images, "height", d->train->height);
  cJSON_AddNumberToObject(images, "channels", d->train->channels);
  cJSON *classes = cJSON_AddArrayToObject(images, "classes");
  for (int i = 0; i < d->train->class_count; i++)
    cJSON_AddItemToArray(classes, cJSON_CreateString(d->train->classes[i]));
  cJSON_AddStringToObject(images, "hash", hash);
  json_add_device(json, "device", d->device);
  return json;
}

mote_status train_settings_write(const train_settings_desc *d, mote_error *error) {
  cJSON *json = describe(d);
  char *text = cJSON_Print(json);
  cJSON_Delete(json);
  if (!text) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory to write it", d->path);
  file_writer writer;
  mote_status status = file_writer_init(&writer, d->path, error);
  if (!status) {
    status = file_writer_write(&writer, text, strlen(text), error);
    if (!status) status = file_writer_write(&writer, "\n", 1, error);
    if (status)
      file_writer_abort(&writer);
    else
      status = file_writer_commit(&writer, error);
  }
  cJSON_free(text);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Going on

static bool is_length(const train_setting *s) {
  return !strcmp(s->name, "steps") || !strcmp(s->name, "epochs") || !strcmp(s->name, "minutes");
}

// --steps, --epochs and --minutes exclude each other, so one of them now replaces whichever it was then.
static bool length_given(const train_options *o) {
  for (int i = 0; i < train_setting_count; i++)
    if (o->given[i] && is_length(&train_settings[i])) return true;
  return false;
}

// False when the value is not of the setting's kind or range. Strings stay those of the JSON tree.
static bool setting_from_json(const cJSON *json, const train_setting *s, void *value) {
  double number = cJSON_IsNumber(json) ? json->valuedouble : NAN;
  const char *text = cJSON_GetStringValue(json);
  bool in_range = number >= s->minimum && number <= s->maximum;
  switch (s->kind) {
    case SETTING_INT:
      return in_range && number == floor(number) && (*(int *)value = (int)number, true);
    case SETTING_UINT64:
      return text && !option_uint64("", text, UINT64_MAX, value, NULL);
    case SETTING_DOUBLE:
      return (in_range || number == 0) && (*(double *)value = number, true);
    case SETTING_CHOICE:
      return text && !option_choice("", text, s->choices, value, NULL);
    case SETTING_TEXT:
      return text && (*(const char **)value = text, true);
    case SETTING_FLAG:
      return cJSON_IsBool(json) && (*(bool *)value = cJSON_IsTrue(json), true);
  }
  return false;
}

static mote_status refuse(const train_options *o, const train_setting *s, const cJSON *then, mote_error *error) {
  cJSON *now = setting_to_json(o, s);
  char *now_text = now ? cJSON_PrintUnformatted(now) : NULL, *then_text = cJSON_PrintUnformatted(then);
  mote_status status =
      fail(error, MOTE_ERROR_USAGE, "--%s: found %.120s, but the run was started with %.120s; leave it out to go on",
           s->name, now_text ? now_text : "?", then_text ? then_text : "?");
  cJSON_free(now_text);
  cJSON_free(then_text);
  cJSON_Delete(now);
  return status;
}

static mote_status adopt(train_options *o, int index, const cJSON *then, const char *path, mote_error *error) {
  const train_setting *s = &train_settings[index];
  if (o->given[index]) {
    if (s->role != SETTING_FIXED) return MOTE_OK;
    cJSON *now = setting_to_json(o, s);
    bool equal = now ? cJSON_Compare(now, then, true) : cJSON_IsNull(then);
    cJSON_Delete(now);
    return equal ? MOTE_OK : refuse(o, s, then, error);
  }
  if (!then)
    return fail(error, MOTE_ERROR_FORMAT, "%s: has no setting \"%s\", expected those of mote %s", path, s->name,
                MOTE_VERSION);
  if (cJSON_IsNull(then) || setting_from_json(then, s, train_setting_value(o, s))) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: the setting \"%s\" cannot be understood", path, s->name);
}

mote_status train_settings_adopt(train_options *o, const char *path, mote_error *error) {
  uint8_t *text = NULL;
  size_t bytes = 0;
  TRY(file_read(path, SETTINGS_MAX_BYTES, &text, &bytes, error));
  o->earlier = cJSON_ParseWithLength((const char *)text, bytes);
  free(text);
  const cJSON *settings = cJSON_GetObjectItemCaseSensitive(o->earlier, "settings");
  if (!cJSON_IsObject(settings))
    return fail(error, MOTE_ERROR_FORMAT, "%s: is not the settings of a training run", path);
  bool keep_length = !length_given(o);
  for (int i = 0; i < train_setting_count; i++) {
    const train_setting *s = &train_settings[i];
    if (s->role == SETTING_LOCAL || (is_length(s) && !keep_length)) continue;
    TRY(adopt(o, i, cJSON_GetObjectItemCaseSensitive(settings, s->name), path, error));
  }
  if (!o->data) o->data = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o->earlier, "data"));
  return MOTE_OK;
}

mote_status train_settings_compare(const train_settings_desc *d, mote_error *error) {
  const cJSON *images = cJSON_GetObjectItemCaseSensitive(d->options->earlier, "images");
  const cJSON *device = cJSON_GetObjectItemCaseSensitive(d->options->earlier, "device");
  const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(images, "hash"));
  const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(device, "name"));
  char now[24];
  format_hash(d, now, sizeof now);
  if (!hash || strcmp(hash, now))
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: the images or their classes are not those that the run was started with; start another run, with "
                "another -o",
                d->options->data ? d->options->data : DATASET_DEFAULT_NAME);
  if (name && strcmp(name, d->device->name))
    say("the run was on %s so far; it goes on, but not with the same bits as there", name);
  return MOTE_OK;
}

// train_settings.c: the settings.json of a run's folder: written when a run begins, compared when it goes on.
#include "tools/train/train_settings.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/number.h"
#include "runtime/text.h"
#include "tools/json.h"
#include "tools/train/train_files.h"

#define SETTINGS_MAX_BYTES ((size_t)1 << 20)

static bool is_length(const train_setting *s) {
  return !strcmp(s->name, "steps") || !strcmp(s->name, "epochs") || !strcmp(s->name, "minutes");
}

static mote_status setting_to_json(const train_options *o, const train_setting *s, cJSON **json, mote_error *error) {
  const void *value = train_setting_value(o, s);
  const char *words = s->kind == SETTING_TEXT || s->kind == SETTING_PATH ? *(const char *const *)value : NULL;
  const char *end;
  double number;
  char text[24], option[40], stored[PATH_MAX];
  *json = NULL;
  switch (s->kind) {
    case SETTING_INT:  // below the least that can be asked for: not given
      *json = *(const int *)value >= s->minimum ? cJSON_CreateNumber(*(const int *)value) : NULL;
      break;
    case SETTING_SIZE:  // a square is its side
      if (!((const int *)value)[0]) break;
      snprintf(text, sizeof text, "%dx%d", ((const int *)value)[0], ((const int *)value)[1]);
      *json = ((const int *)value)[0] == ((const int *)value)[1] ? cJSON_CreateNumber(((const int *)value)[0]) : cJSON_CreateString(text);
      break;
    case SETTING_UINT64:  // as text, since a JSON number keeps 53 bits
      snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)value);
      *json = cJSON_CreateString(text);
      break;
    case SETTING_DOUBLE:
      *json = cJSON_CreateNumber(*(const double *)value);
      break;
    case SETTING_CHOICE:
      *json = cJSON_CreateString(s->choices[*(const int *)value]);
      break;
    case SETTING_TEXT:
      *json = words ? cJSON_CreateString(words) : NULL;
      break;
    case SETTING_PATH:
      if (!words) break;
      snprintf(option, sizeof option, "--%s", s->name);
      TRY(train_file_store(option, o->output, words, stored, error));
      *json = cJSON_CreateString(stored);
      break;
    case SETTING_FLAG:
      *json = cJSON_CreateBool(*(const bool *)value);
      break;
    case SETTING_NETWORK:  // a number where it is one
      if (!*(const char *)value) break;
      *json = number_parse(value, &end, &number) && !*end ? cJSON_CreateNumber(number) : cJSON_CreateString(value);
      break;
  }
  return MOTE_OK;
}

// The path of a model that was given by this setting, whose bytes decide what is learned; NULL for other settings.
static const char *digested(const train_options *o, const train_setting *s) {
  bool model = s->kind == SETTING_PATH && (!strcmp(s->name, "start") || !strcmp(s->name, "teacher"));
  return model ? *(const char *const *)train_setting_value(o, s) : NULL;
}

// The digest that the model had when the run began; NULL: unknown.
static const char *digest_then(const train_options *o, const train_setting *s) {
  const cJSON *digests = cJSON_GetObjectItemCaseSensitive(o->earlier, "digests");
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(digests, s->name));
}

static void format_hash(const train_settings_desc *d, char *text, size_t bytes) {
  snprintf(text, bytes, "%016" PRIx64, dataset_hash(d->train) ^ (dataset_hash(d->held_out) * 31));
}

// Where the images come from: the default sheet goes by its name.
static mote_status add_data(const train_settings_desc *d, cJSON *json, mote_error *error) {
  const char *data = d->options->data;
  char stored[PATH_MAX] = DATASET_DEFAULT_NAME;
  if (data && strcmp(data, DATASET_DEFAULT_NAME) && strcmp(data, DATASET_DEFAULT_PATH))
    TRY(train_file_store("DATA", d->options->output, data, stored, error));
  cJSON_AddStringToObject(json, "data", stored);
  return MOTE_OK;
}

static mote_status add_settings(const train_settings_desc *d, cJSON *json, mote_error *error) {
  const train_options *o = d->options;
  cJSON *settings = cJSON_AddObjectToObject(json, "settings");
  for (int i = 0; i < o->setting_count; i++) {
    const train_setting *s = &o->settings[i];
    if (s->role == SETTING_LOCAL) continue;
    cJSON *value = NULL;
    TRY(setting_to_json(o, s, &value, error));
    // What was not asked for is null, so that all options can be seen.
    cJSON_AddItemToObject(settings, s->name, value ? value : cJSON_CreateNull());
  }
  return MOTE_OK;
}

// Of the models: what they were when the run began, even if they are gone by now.
static mote_status add_digests(const train_settings_desc *d, cJSON *json, mote_error *error) {
  const train_options *o = d->options;
  cJSON *digests = cJSON_AddObjectToObject(json, "digests");
  for (int i = 0; i < o->setting_count; i++) {
    const char *path = digested(o, &o->settings[i]), *then = digest_then(o, &o->settings[i]);
    char option[40], now[TRAIN_DIGEST_BYTES];
    if (!path) continue;
    snprintf(option, sizeof option, "--%s", o->settings[i].name);
    if (!then) TRY(train_file_digest(option, path, now, error));
    cJSON_AddStringToObject(digests, o->settings[i].name, then ? then : now);
  }
  return MOTE_OK;
}

static void add_images(const train_settings_desc *d, cJSON *json) {
  char hash[24];
  format_hash(d, hash, sizeof hash);
  cJSON *images = cJSON_AddObjectToObject(json, "images");
  cJSON_AddStringToObject(images, "source", d->train->source);
  cJSON_AddNumberToObject(images, "train", d->train->count);
  cJSON_AddNumberToObject(images, "held_out", d->held_out->count);
  cJSON_AddNumberToObject(images, "height", d->train->size.height);
  cJSON_AddNumberToObject(images, "width", d->train->size.width);
  cJSON_AddNumberToObject(images, "channels", d->train->size.channels);
  cJSON *classes = cJSON_AddArrayToObject(images, "classes");
  for (int i = 0; i < d->train->class_count; i++)
    cJSON_AddItemToArray(classes, cJSON_CreateString(d->train->classes[i]));
  cJSON_AddStringToObject(images, "hash", hash);
}

static mote_status describe(const train_settings_desc *d, cJSON *json, mote_error *error) {
  cJSON_AddStringToObject(json, "mote", MOTE_VERSION);
  TRY(add_data(d, json, error));
  TRY(add_settings(d, json, error));
  TRY(add_digests(d, json, error));
  add_images(d, json);
  cJSON_AddStringToObject(json, "kernels", kernels_text(&d->options->base.common));
  json_add_device(json, "device", d->device);
  return MOTE_OK;
}

mote_status train_settings_write(const train_settings_desc *d, mote_error *error) {
  cJSON *json = cJSON_CreateObject();
  mote_status status = describe(d, json, error);
  if (!status) status = json_write_file(json, d->path, true, error);
  cJSON_Delete(json);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Going on

// --steps, --epochs and --minutes exclude each other, so one of them now replaces whichever it was then.
static bool length_given(const train_options *o) {
  for (int i = 0; i < o->setting_count; i++)
    if (o->given[i] && is_length(&o->settings[i])) return true;
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
    case SETTING_SIZE:
      if (in_range && number == floor(number)) return (((int *)value)[0] = ((int *)value)[1] = (int)number, true);
      return text && size_parse(text, (int)s->minimum, (int)s->maximum, value);
    case SETTING_UINT64:
      return text && !option_uint64("", text, UINT64_MAX, value, NULL);
    case SETTING_DOUBLE:
      return (in_range || (number == 0 && is_length(s))) && (*(double *)value = number, true);
    case SETTING_CHOICE:
      return text && !option_choice("", text, s->choices, value, NULL);
    case SETTING_TEXT:
    case SETTING_PATH:
      return text && (*(const char **)value = text, true);
    case SETTING_FLAG:
      return cJSON_IsBool(json) && (*(bool *)value = cJSON_IsTrue(json), true);
    case SETTING_NETWORK:
      if (isfinite(number)) return snprintf(value, NETWORK_VALUE_BYTES, "%s", number_format(number).text) > 0;
      return text && text[0] && snprintf(value, NETWORK_VALUE_BYTES, "%s", text) < NETWORK_VALUE_BYTES;
  }
  return false;
}

static mote_status refuse(const train_setting *s, const cJSON *now, const cJSON *then, mote_error *error) {
  char *now_text = now ? cJSON_PrintUnformatted(now) : NULL, *then_text = cJSON_PrintUnformatted(then);
  mote_status status =
      fail(error, MOTE_ERROR_USAGE, "--%s: found %.120s, but the run was started with %.120s; leave it out to go on",
           s->name, now_text ? now_text : "?", then_text ? then_text : "?");
  cJSON_free(now_text);
  cJSON_free(then_text);
  return status;
}

// A fixed setting that was given again must be what it was. Files are compared later, by what is in them.
static mote_status compare_given(const train_options *o, const train_setting *s, const cJSON *then, mote_error *error) {
  if (s->role != SETTING_FIXED || (s->kind == SETTING_PATH && !cJSON_IsNull(then))) return MOTE_OK;
  cJSON *now = NULL;
  TRY(setting_to_json(o, s, &now, error));
  bool equal = now ? cJSON_Compare(now, then, true) : cJSON_IsNull(then);
  mote_status status = equal ? MOTE_OK : refuse(s, now, then, error);
  cJSON_Delete(now);
  return status;
}

// Compares with the default what was given now and runs of mote 0.1.0 could not say.
static mote_status compare_with_default(const train_options *o, const train_setting *s, mote_error *error) {
  train_options usual;
  train_options_default(&usual);
  cJSON *then = NULL;
  TRY(setting_to_json(&usual, s, &then, error));
  if (!then) then = cJSON_CreateNull();
  mote_status status = then ? compare_given(o, s, then, error) : fail(error, MOTE_ERROR_MEMORY, "no memory for --%s", s->name);
  cJSON_Delete(then);
  return status;
}

static mote_status adopt(train_options *o, int index, const cJSON *then, const char *path, mote_error *error) {
  const train_setting *s = &o->settings[index];
  if (!then && !s->later)
    return fail(error, MOTE_ERROR_FORMAT, "%s: has no setting \"%s\", expected those of mote %s", path, s->name,
                MOTE_VERSION);
  if (o->given[index]) return then ? compare_given(o, s, then, error) : compare_with_default(o, s, error);
  if (!then || cJSON_IsNull(then) || setting_from_json(then, s, train_setting_value(o, s))) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: the setting \"%s\" cannot be understood", path, s->name);
}

// Puts where the file is now in the place of what settings.json calls it. A map of classes may be none.
static mote_status find_file(train_options *o, const char *option, const char **stored, bool needed, mote_error *error) {
  char path[PATH_MAX];
  if (!*stored) return MOTE_OK;
  if (train_file_find(o->output, *stored, path)) {
    cJSON *kept = cJSON_CreateString(path);
    if (!kept || !cJSON_AddItemToArray(o->found_files, kept)) return fail(error, MOTE_ERROR_MEMORY, "no memory for %s", path);
    *stored = cJSON_GetStringValue(kept);
    return MOTE_OK;
  }
  if (!needed) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE,
              "%s: %s, which the run was started with, is not there, seen from the run's folder %s.run; name it again, by %s, if it "
              "was moved",
              option, *stored, o->output, option);
}

static mote_status find_files(train_options *o, bool begins, mote_error *error) {
  for (int i = 0; i < o->setting_count; i++) {
    const train_setting *s = &o->settings[i];
    if (s->kind != SETTING_PATH || o->given[i]) continue;
    const char **stored = train_setting_value(o, s);
    char option[40];
    snprintf(option, sizeof option, "--%s", s->name);
    // Once there is a checkpoint the first weights are not needed any more.
    bool needed = !strcmp(s->name, "start") ? begins : strcmp(s->name, "classes") || (*stored && !strchr(*stored, '='));
    TRY(find_file(o, option, stored, needed, error));
  }
  return MOTE_OK;
}

// DATA of the command line, or that of the run: never the default where the run had another.
static mote_status adopt_data(train_options *o, const char *path, mote_error *error) {
  if (o->data) return MOTE_OK;
  o->data = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o->earlier, "data"));
  if (!o->data) return fail(error, MOTE_ERROR_FORMAT, "%s: does not say what DATA the run was started with", path);
  if (strcmp(o->data, DATASET_DEFAULT_NAME)) return find_file(o, "DATA", &o->data, true, error);
  o->data = DATASET_DEFAULT_PATH;
  return MOTE_OK;
}

// The kernels of then make the bits of then.
static void adopt_kernels(train_options *o) {
  const char *then = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o->earlier, "kernels"));
  mote_error ignored;
  if (then && !o->base.common.kernels && !o->base.common.kernel_list) kernels_take(&o->base.common, then, &ignored);
}

mote_status train_settings_adopt(train_options *o, const char *path, bool begins, mote_error *error) {
  uint8_t *text = NULL;
  size_t bytes = 0;
  TRY(file_read(path, SETTINGS_MAX_BYTES, &text, &bytes, error));
  mote_status status = train_settings_parse(o, path, (const char *)text, bytes, begins, error);
  free(text);
  return status;
}

mote_status train_settings_parse(train_options *o, const char *path, const char *text, size_t bytes, bool begins,
                                 mote_error *error) {
  TRY(json_read(path, text, bytes, &o->earlier, error));
  const cJSON *settings = cJSON_GetObjectItemCaseSensitive(o->earlier, "settings");
  if (!cJSON_IsObject(settings))
    return fail(error, MOTE_ERROR_FORMAT, "%s: is not the settings of a training run", path);
  o->found_files = cJSON_AddArrayToObject(o->earlier, "found_files");
  bool keep_length = !length_given(o);
  for (int i = 0; i < o->setting_count; i++) {
    const train_setting *s = &o->settings[i];
    if (s->role == SETTING_LOCAL || (is_length(s) && !keep_length)) continue;
    TRY(adopt(o, i, cJSON_GetObjectItemCaseSensitive(settings, s->name), path, error));
  }
  adopt_kernels(o);
  TRY(adopt_data(o, path, error));
  return find_files(o, begins, error);
}

// A model under the old name, or one that was named again, must be the one that the run was started with.
mote_status train_settings_compare_files(const train_options *o, bool begins, mote_error *error) {
  const cJSON *settings = cJSON_GetObjectItemCaseSensitive(o->earlier, "settings");
  for (int i = 0; i < o->setting_count; i++) {
    const train_setting *s = &o->settings[i];
    const char *path = digested(o, s), *then = digest_then(o, s);
    const char *name_then = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(settings, s->name));
    char option[40], now[TRAIN_DIGEST_BYTES];
    bool given = o->given[i], needed = given || begins || strcmp(s->name, "start");
    snprintf(option, sizeof option, "--%s", s->name);
    if (path && !then && needed)
      say("%s: the run's settings, of an older version, do not tell which model %s was; it is taken as it is", option, path);
    if (!path || !then || (!needed && access(path, R_OK))) continue;
    TRY(train_file_digest(option, path, now, error));
    if (!strcmp(now, then)) continue;
    if (needed)
      return fail(error, given ? MOTE_ERROR_USAGE : MOTE_ERROR_FILE,
                  "%s: %s is not the model that the run was started with, %s of then; start another run, with another -o", option,
                  path, name_then ? name_then : "?");
    say("%s: %s is not the model any more that the run was started with; the run does not need it to go on", option, path);
  }
  return MOTE_OK;
}

static void say_other_bits(const char *what, const char *then, const char *now) {
  if (then && strcmp(then, now)) say("the run was on %s%s so far; it goes on, but not with the same bits as there", what, then);
}

mote_status train_settings_compare(const train_settings_desc *d, mote_error *error) {
  const cJSON *earlier = d->options->earlier;
  const cJSON *images = cJSON_GetObjectItemCaseSensitive(earlier, "images");
  const cJSON *device = cJSON_GetObjectItemCaseSensitive(earlier, "device");
  const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(images, "hash"));
  char now[24];
  format_hash(d, now, sizeof now);
  if (!hash || strcmp(hash, now))
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: the images or their classes are not those that the run was started with; start another run, with "
                "another -o",
                d->options->data);
  say_other_bits("", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(device, "name")), d->device->name);
  say_other_bits("driver ", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(device, "driver")), d->device->driver);
  say_other_bits("--kernels ", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(earlier, "kernels")),
                 kernels_text(&d->options->base.common));
  return MOTE_OK;
}

void train_settings_source(const train_options *o, char *source, size_t bytes) {
  const cJSON *images = cJSON_GetObjectItemCaseSensitive(o->earlier, "images");
  const char *then = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(images, "source"));
  if (then && strlen(then) < bytes && text_is_clean(then, strlen(then))) memcpy(source, then, strlen(then) + 1);
}

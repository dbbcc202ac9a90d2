// metadata.c: reads a model's metadata, infers what is absent, and refuses what cannot be.
#include "graph/nets/metadata.h"

#include <stdio.h>
#include <string.h>

#include "runtime/number.h"
#include "runtime/text.h"

typedef struct reader {
  const mote_device *device;
  const char *name;
  const safetensors *file;
  const metadata_pairs *pairs;  // instead of the file's metadata, or NULL
  mote_error *error;
} reader;

// Dimension `dim` of a tensor of the network, or -1 where there is no such tensor.
static int64_t dimension(const reader *r, const char *tensor, int dim) {
  const safetensors_entry *entry = safetensors_find(r->file, tensor);
  if (!entry || dim >= entry->dim_count || entry->dims[dim] > 1 << 20) return -1;
  return (int64_t)entry->dims[dim];
}

static const char *told(const reader *r, const char *key) {
  if (!r->pairs) return safetensors_metadata(r->file, key);
  for (size_t i = 0; i < r->pairs->count; i++)
    if (!strcmp(r->pairs->pairs[i].key, key)) return r->pairs->pairs[i].value;
  return NULL;
}

static mote_status read_int(const reader *r, const char *key, int *out) {
  static const network_setting whole = {.type = VALUE_INT};
  const char *text = safetensors_metadata(r->file, key);
  setting_value value;
  if (!setting_parse(&whole, text, &value))
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', an integer was expected", r->name, key, text);
  *out = (int)value.numbers[0];
  return MOTE_OK;
}

// From metadata, else from a tensor's shape, else as usual, which is said. What metadata and shape both tell must agree.
static mote_status read_setting(const reader *r, const network_setting *setting, mote_model_info *info) {
  const char *text = told(r, setting->name), *word = r->pairs ? "" : "metadata ";
  const int64_t found = setting->tensor ? dimension(r, setting->tensor, setting->dim) : -1;
  setting_value value = {1, {(double)(found * setting->factor)}};
  if (text) {
    setting_value said;
    if (!setting_parse(setting, text, &said))
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: %s%s is '%.40s', %s expected", r->name, word, setting->name, text,
                  setting_type_name(setting));
    if (found >= 0 && !setting_equal(&said, &value))
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: %s%s is %s, but the tensors' shapes say %s", r->name, word, setting->name,
                  setting_format(setting, &said).text, setting_format(setting, &value).text);
    value = said;
  } else if (found >= 0) {
    const network_setting *like = setting->like ? setting_find(network_of(info), setting->like) : NULL;
    const setting_value same = like ? setting_get(info, like) : (setting_value){0};
    if (!setting_equal(&same, &value))  // files leave out what is like another
      device_log(r->device, "%s: no metadata %s: %s, from the tensors' shapes", r->name, setting->name,
                 setting_format(setting, &value).text);
  } else if (!setting->field) {
    value = setting_get(info, setting);
    device_log(r->device, "%s: no metadata %s: %s assumed", r->name, setting->name, setting_format(setting, &value).text);
  } else if (setting->like) {
    value = setting_get(info, setting);
  } else {
    return fail(r->error, MOTE_ERROR_FORMAT, "%s: no metadata %s, and no tensor to infer it from: not a %s", r->name,
                setting->name, info->architecture);
  }
  if (setting_put(info, setting, &value)) return MOTE_OK;
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s: all settings take more than %zu bytes", r->name, setting->name,
              sizeof info->settings - 1);
}

// A number from metadata. Where it is absent `*out` stays as it is.
static mote_status read_number(const reader *r, const char *key, double *out) {
  const char *text = safetensors_metadata(r->file, key), *end;
  if (!text || (number_parse(text, &end, out) && !*end)) return MOTE_OK;
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', a number was expected", r->name, key, text);
}

static mote_status read_beta(const reader *r, const char *key, double fallback, double *out) {
  *out = fallback;
  if (!safetensors_metadata(r->file, key))
    device_log(r->device, "%s: no metadata %s: %g assumed", r->name, key, fallback);
  return read_number(r, key, out);
}

// One of `choices` (NULL-terminated), the first where metadata is absent.
static mote_status read_choice(const reader *r, const char *key, const char *const *choices, int *out) {
  const char *text = safetensors_metadata(r->file, key);
  *out = 0;
  if (!text) {
    device_log(r->device, "%s: no metadata %s: %s assumed", r->name, key, choices[0]);
    return MOTE_OK;
  }
  char known[100] = "";
  for (int i = 0; choices[i]; i++) {
    *out = i;
    if (strcmp(text, choices[i]) == 0) return MOTE_OK;
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", choices[i]);
  }
  return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata %s is '%.40s', expected one of %s", r->name, key, text, known);
}

// Separated by commas.
static mote_status read_labels(const reader *r, const described *by, mote_model_info *info) {
  const char *text = safetensors_metadata(r->file, "labels");
  for (const char *at = text && *text ? text : NULL; at;) {
    const size_t length = strcspn(at, ",");
    if (info->label_count == MOTE_MAX_LABELS)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata labels names more than %d", r->name, MOTE_MAX_LABELS);
    TRY(metadata_check_label(by, info->label_count, at, length, r->error));
    memcpy(info->labels[info->label_count++], at, length);
    at = at[length] ? at + length + 1 : NULL;
  }
  return MOTE_OK;
}

static bool parse_attribute(const char *text, mote_attribute *out) {
  const size_t length = strcspn(text, "=,");
  const char *end;
  double count = 0;
  if (text[length] != '=' || length >= sizeof out->name) return false;
  *out = (mote_attribute){.count = 1};
  memcpy(out->name, text, length);
  text += length + 1;
  out->is_number = memchr(text, ':', strcspn(text, ",")) != NULL;
  if (out->is_number) return number_parse(text, &end, &out->low) && *end == ':' && number_parse(end + 1, &end, &out->high) && (!*end || *end == ',');
  if (!number_parse(text, &end, &count) || (*end && *end != ',') || !(count >= 1 && count <= MOTE_MAX_CONTEXT)) return false;
  out->count = (int)count;
  return out->count == count;
}

// Separated by commas: name=labels, or name=low:high of a number.
static mote_status read_attributes(const reader *r, mote_model_info *info) {
  const char *text = safetensors_metadata(r->file, "attributes");
  for (const char *at = text && *text ? text : NULL; at;) {
    if (info->attribute_count == MOTE_MAX_ATTRIBUTES)
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata attributes names more than %d", r->name, MOTE_MAX_ATTRIBUTES);
    if (!parse_attribute(at, &info->attributes[info->attribute_count++]))
      return fail(r->error, MOTE_ERROR_FORMAT, "%s: metadata attributes: found \"%.*s\", expected NAME=LABELS or NAME=LOW:HIGH", r->name,
                  (int)(strcspn(at, ",") < 100 ? strcspn(at, ",") : 100), at);
    at += strcspn(at, ",");
    at = *at ? at + 1 : NULL;
  }
  return MOTE_OK;
}

// Noise, and what the network makes of it; steps and guidance are of models of few steps alone.
static mote_status read_diffusion(const reader *r, mote_model_info *info) {
  int choice;
  if (safetensors_metadata(r->file, "timesteps")) {
    TRY(read_int(r, "timesteps", &info->timesteps));
  } else {
    info->timesteps = 500;
    device_log(r->device, "%s: no metadata timesteps: 500 assumed", r->name);
  }
  TRY(read_choice(r, "schedule", metadata_schedules, &choice));
  info->schedule = (mote_schedule)choice;
  TRY(read_beta(r, "beta_start", 1e-4, &info->beta_start));
  TRY(read_beta(r, "beta_end", 0.02, &info->beta_end));
  TRY(read_choice(r, "prediction", metadata_predictions, &choice));
  info->prediction = (mote_prediction)choice;
  TRY(read_number(r, "context_drop", &info->context_drop));
  if (!safetensors_metadata(r->file, "steps")) return MOTE_OK;
  TRY(read_int(r, "steps", &info->steps));
  if (info->steps == 0) return fail(r->error, MOTE_ERROR_FORMAT, "%s: steps is 0, expected 1 or more", r->name);
  return read_number(r, "guidance", &info->guidance);
}

// Says what nothing here reads, in one line: a setting that was meant for another network, or is misspelt.
static void say_unknown(const reader *r, const network *network) {
  static const char *const known[] = {"architecture", "timesteps", "schedule", "beta_start", "beta_end",   "prediction", "alpha",
                                      "steps",        "guidance",  "labels",   "attributes", "trained_on", "context_drop", "format"};
  const char *first = NULL;
  bool more = false;
  for (size_t i = 0; i < r->file->metadata_count; i++) {
    const char *key = r->file->metadata[i].key;
    bool is_known = setting_find(network, key) != NULL;
    for (size_t k = 0; k < sizeof known / sizeof *known && !is_known; k++) is_known = !strcmp(key, known[k]);
    more |= first && !is_known;
    if (!first && !is_known) first = key;
  }
  if (!first) return;
  device_log(r->device, "%s: metadata %.40s%s is no setting of a %s and is passed over", r->name, first,
             more ? ", as are others," : "", network->name);
}

double metadata_guidance(const mote_model_info *info) { return info->context_drop > 0 && !info->steps ? 2 : 1; }

mote_status metadata_read_settings(const mote_device *device, const char *name, const safetensors *file,
                                   const metadata_pairs *pairs, mote_model_info *info, mote_error *error) {
  const reader r = {device, name, file, pairs, error};
  for (const network_setting *setting = network_of(info)->settings; setting->name; setting++) TRY(read_setting(&r, setting, info));
  return MOTE_OK;
}

mote_status metadata_read(const mote_device *device, const char *name, const safetensors *file, const network *own,
                          mote_model_info *info, mote_error *error) {
  const described by = {name, MOTE_ERROR_FORMAT};
  reader r = {device, name, file, NULL, error};
  *info = (mote_model_info){.network = own};
  int choice = 0;
  if (!own) TRY(read_choice(&r, "architecture", network_names, &choice));
  const network *network = own ? own : network_at(choice);
  snprintf(info->architecture, sizeof info->architecture, "%s", network->name);
  TRY(metadata_read_settings(device, name, file, NULL, info, error));
  if (!network->classifies) TRY(read_diffusion(&r, info));
  if (info->channels % 2 == 0 && safetensors_metadata(file, "alpha")) {
    TRY(read_choice(&r, "alpha", metadata_alphas, &choice));
    info->premultiplied = choice == 1;
  }
  TRY(read_labels(&r, &by, info));
  TRY(read_attributes(&r, info));
  info->recommended_guidance = metadata_guidance(info);
  const char *trained_on = safetensors_metadata(file, "trained_on");
  if (trained_on) text_show(info->trained_on, sizeof info->trained_on, trained_on, "");
  say_unknown(&r, network);
  return metadata_check(&by, info, error);
}

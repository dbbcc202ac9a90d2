// metadata_describe.c: a model's description as the metadata of its weights.
#include <stdio.h>
#include <string.h>

#include "graph/nets/metadata.h"
#include "runtime/number.h"

const char *const metadata_schedules[] = {[MOTE_SCHEDULE_LINEAR] = "linear",
                                          [MOTE_SCHEDULE_COSINE] = "cosine",
                                          [MOTE_SCHEDULE_DDPM] = "ddpm",
                                          [MOTE_SCHEDULE_SCALED_LINEAR] = "scaled_linear",
                                          [MOTE_SCHEDULE_FLOW] = "flow",
                                          NULL};
const char *const metadata_predictions[] = {
    [MOTE_PREDICT_EPSILON] = "epsilon", [MOTE_PREDICT_V] = "v", [MOTE_PREDICT_X0] = "x0", [MOTE_PREDICT_FLOW] = "flow", NULL};
const char *const metadata_alphas[] = {"straight", "premultiplied", NULL};

void metadata_add(metadata_pairs *list, const char *key, const char *value) {
  char *text = list->text + list->used;
  list->pairs[list->count++] = (safetensors_pair){key, text};
  const int length = snprintf(text, sizeof list->text - list->used, "%s", value);
  list->used += (size_t)length + 1;
}

static void add_size(metadata_pairs *list, const char *key, int value) {
  char text[16];
  snprintf(text, sizeof text, "%d", value);
  metadata_add(list, key, text);
}

static void add_number(metadata_pairs *list, const char *key, double value) {
  metadata_add(list, key, number_format(value).text);
}

static void describe_diffusion(const mote_model_info *info, metadata_pairs *list) {
  add_size(list, "timesteps", info->timesteps);
  metadata_add(list, "schedule", metadata_schedules[info->schedule]);
  add_number(list, "beta_start", info->beta_start);
  add_number(list, "beta_end", info->beta_end);
  metadata_add(list, "prediction", metadata_predictions[info->prediction]);
  if (info->context_drop > 0) add_number(list, "context_drop", info->context_drop);
  if (info->steps) add_size(list, "steps", info->steps);
  if (info->steps && info->guidance > 0) add_number(list, "guidance", info->guidance);
}

// name=labels or, of a number, name=low:high, separated by commas.
static void describe_attributes(const mote_model_info *info, metadata_pairs *list) {
  char text[sizeof info->attributes + 1] = "";
  size_t used = 0;
  for (int i = 0; i < info->attribute_count; i++) {
    const mote_attribute *a = &info->attributes[i];
    const char *comma = i ? "," : "";
    used += a->is_number ? (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s:%s", comma, a->name,
                                            number_format(a->low).text, number_format(a->high).text)
                         : (size_t)snprintf(text + used, sizeof text - used, "%s%s=%d", comma, a->name, a->count);
  }
  metadata_add(list, "attributes", text);
}

void metadata_describe(const mote_model_info *info, metadata_pairs *list) {
  char labels[sizeof info->labels + 1] = "";
  size_t used = 0;
  for (int i = 0; i < info->label_count; i++)
    used += (size_t)snprintf(labels + used, sizeof labels - used, "%s%s", i ? "," : "", info->labels[i]);
  metadata_add(list, "architecture", info->architecture);
  for (const network_setting *setting = network_of(info)->settings; setting->name; setting++) {
    const setting_value value = setting_get(info, setting);
    const setting_value usual = setting->like ? setting_of(info, setting->like) : (setting_value){0};
    if (!setting_equal(&value, &usual)) metadata_add(list, setting->name, setting_format(setting, &value).text);
  }
  if (!network_of(info)->classifies) describe_diffusion(info, list);
  if (info->channels % 2 == 0) metadata_add(list, "alpha", metadata_alphas[info->premultiplied]);
  metadata_add(list, "labels", labels);
  if (info->attribute_count) describe_attributes(info, list);
  metadata_add(list, "trained_on", info->trained_on);
}

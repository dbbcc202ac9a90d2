// metadata_check.c: what a model may be, whether a file or a caller describes it.
#include <math.h>
#include <string.h>

#include "graph/nets/metadata.h"
#include "runtime/text.h"

static mote_status check_int(const described *by, const char *name, int value, int low, int high, mote_error *error) {
  if (value >= low && value <= high) return MOTE_OK;
  return fail(error, by->status, "%s: %s is %d, expected %d to %d", by->where, name, value, low, high);
}

static mote_status check_number(const described *by, const char *name, double value, double high, mote_error *error) {
  if (value >= 0 && value <= high) return MOTE_OK;
  return fail(error, by->status, "%s: %s is %g, expected 0 to %g", by->where, name, value, high);
}

static mote_status check_beta(const described *by, const char *name, double value, mote_error *error) {
  if (value > 0 && value < 1) return MOTE_OK;
  return fail(error, by->status, "%s: %s is %g, expected more than 0 and less than 1", by->where, name, value);
}

static mote_status check_diffusion(const described *by, const mote_model_info *info, mote_error *error) {
  if ((unsigned)info->schedule > MOTE_SCHEDULE_FLOW)
    return fail(error, by->status, "%s: schedule %d is unknown", by->where, (int)info->schedule);
  if ((unsigned)info->prediction > MOTE_PREDICT_FLOW)
    return fail(error, by->status, "%s: prediction %d is unknown", by->where, (int)info->prediction);
  if (info->schedule == MOTE_SCHEDULE_FLOW && info->prediction == MOTE_PREDICT_EPSILON)
    return fail(error, by->status, "%s: prediction is epsilon, expected flow, v or x0 with the schedule flow", by->where);
  if (network_of(info)->classifies && info->timesteps == 0) return MOTE_OK;  // it knows no noise
  TRY(check_int(by, "timesteps", info->timesteps, 1, 100000, error));
  TRY(check_beta(by, "beta_start", info->beta_start, error));
  TRY(check_beta(by, "beta_end", info->beta_end, error));
  if (info->beta_start > info->beta_end)
    return fail(error, by->status, "%s: beta_start is %g, expected at most beta_end, which is %g", by->where,
                info->beta_start, info->beta_end);
  TRY(check_number(by, "context_drop", info->context_drop, 1, error));
  TRY(check_int(by, "steps", info->steps, 0, info->timesteps, error));
  return check_number(by, "guidance", info->guidance, 100, error);
}

mote_status metadata_check_label(const described *by, int index, const char *text, size_t bytes, mote_error *error) {
  const char *fault = text_label_fault(text, bytes);
  if (!fault) return MOTE_OK;
  return fail(error, by->status, "%s: label %d of labels is \"%.*s\", %s", by->where, index + 1,
              (int)(bytes < 60 ? bytes : 60), text, fault);
}

static mote_status check_labels(const described *by, const mote_model_info *info, mote_error *error) {
  if (info->label_count < 0 || info->label_count > MOTE_MAX_LABELS ||
      (info->label_count > 0 && info->label_count != info->n_cfeat))
    return fail(error, by->status, "%s: labels names %d, expected none or n_cfeat, which is %d, and at most %d", by->where,
                info->label_count, info->n_cfeat, MOTE_MAX_LABELS);
  for (int i = 0; i < info->label_count; i++) {
    const char *label = info->labels[i];
    TRY(metadata_check_label(by, i, label, strnlen(label, sizeof info->labels[i]), error));
    for (int k = 0; k < i; k++)
      if (!strcmp(label, info->labels[k]))
        return fail(error, by->status, "%s: labels %d and %d of labels are both \"%s\", expected each once", by->where,
                    k + 1, i + 1, label);
  }
  return MOTE_OK;
}

static mote_status check_attribute(const described *by, const mote_attribute *a, mote_error *error) {
  const size_t bytes = strnlen(a->name, sizeof a->name);
  const char *fault = text_attribute_fault(a->name, bytes);
  if (fault) return fail(error, by->status, "%s: attributes name \"%.*s\", %s", by->where, (int)bytes, a->name, fault);
  if (a->is_number && (a->count != 1 || !(a->low <= a->high) || !isfinite(a->high - a->low)))
    return fail(error, by->status, "%s: attribute %s is %d numbers from %g to %g, expected one, and finite bounds in their order",
                by->where, a->name, a->count, a->low, a->high);
  if (a->count >= 1 && a->count <= MOTE_MAX_CONTEXT) return MOTE_OK;
  return fail(error, by->status, "%s: attribute %s has %d labels, expected 1 to %d", by->where, a->name, a->count, MOTE_MAX_CONTEXT);
}

static mote_status check_attributes(const described *by, const mote_model_info *info, mote_error *error) {
  int total = 0;
  if (info->attribute_count < 0 || info->attribute_count > MOTE_MAX_ATTRIBUTES)
    return fail(error, by->status, "%s: attributes name %d, expected 0 to %d", by->where, info->attribute_count, MOTE_MAX_ATTRIBUTES);
  for (int i = 0; i < info->attribute_count; total += info->attributes[i++].count) {
    const mote_attribute *attribute = &info->attributes[i];
    TRY(check_attribute(by, attribute, error));
    for (int k = 0; k < i; k++)
      if (!strcmp(attribute->name, info->attributes[k].name))
        return fail(error, by->status, "%s: attributes name \"%s\" twice", by->where, attribute->name);
  }
  if (!info->attribute_count || (total == info->n_cfeat && info->label_count == total)) return MOTE_OK;
  return fail(error, by->status, "%s: attributes name %d labels, expected n_cfeat of them, which is %d, and labels, which name %d",
              by->where, total, info->n_cfeat, info->label_count);
}

float mote_attribute_scale(const mote_attribute *attribute, double value) {
  const double range = attribute->high - attribute->low;
  return (float)(range > 0 ? 0.5 + (value - attribute->low) / range : 1);
}

static mote_status check_network(const described *by, const mote_model_info *info, mote_error *error) {
  const bool ends = memchr(info->architecture, 0, sizeof info->architecture) != NULL;
  const network *network = ends ? network_of(info) : NULL;
  if (network && info->architecture[0] && !strcmp(network->name, info->architecture)) return MOTE_OK;
  char known[160] = "";
  for (int i = 0; network_names[i]; i++)
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? " or " : "", network_names[i]);
  return fail(error, by->status, "%s: architecture is \"%.31s\", expected %s", by->where, info->architecture,
              info->network ? info->network->name : known);
}

mote_status metadata_check_settings(const described *by, const mote_model_info *info, mote_error *error) {
  const network *network = network_of(info);
  setting_entry entry;
  if (!memchr(info->settings, 0, sizeof info->settings))
    return fail(error, by->status, "%s: settings have no end, expected up to %zu bytes", by->where, sizeof info->settings - 1);
  for (const char *at = info->settings; (at = settings_next(at, &entry));) {
    const network_setting *known = setting_find(network, entry.name);
    if (!known || known->field)
      return fail(error, by->status, "%s: settings name \"%s\", which a %s has not", by->where, entry.name, network->name);
  }
  for (const network_setting *setting = network->settings; setting->name; setting++) {
    const setting_value value = setting_get(info, setting);
    if (!setting_in_range(setting, &value))
      return fail(error, by->status, "%s: %s is %s, expected %s", by->where, setting->name,
                  value.count ? setting_format(setting, &value).text : "of another type", setting_range(setting).text);
  }
  char fault[200];
  if (!network->check || network->check(info, fault, sizeof fault)) return MOTE_OK;
  return fail(error, by->status, "%s: %s", by->where, fault);
}

mote_status metadata_check(const described *by, const mote_model_info *info, mote_error *error) {
  TRY(check_network(by, info, error));
  TRY(metadata_check_settings(by, info, error));
  TRY(check_diffusion(by, info, error));
  if (info->premultiplied && info->channels % 2)
    return fail(error, by->status, "%s: premultiplied with channels %d, expected 2 or 4, of which one is alpha",
                by->where, info->channels);
  TRY(check_labels(by, info, error));
  TRY(check_attributes(by, info, error));
  const size_t bytes = strnlen(info->trained_on, sizeof info->trained_on);
  if (bytes < sizeof info->trained_on && text_is_clean(info->trained_on, bytes)) return MOTE_OK;
  return fail(error, by->status, "%s: trained_on is \"%.60s\", expected up to %zu bytes of UTF-8 without control characters",
              by->where, info->trained_on, sizeof info->trained_on - 1);
}

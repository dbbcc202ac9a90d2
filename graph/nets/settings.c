// settings.c: reads, writes and keeps the settings of networks by their tables.
#include "graph/nets/settings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/number.h"

static const char *const truths[] = {"false", "true", NULL};

const network_setting *setting_find(const network *network, const char *name) {
  for (const network_setting *setting = network->settings; setting->name; setting++)
    if (!strcmp(setting->name, name)) return setting;
  return NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Values as text

static const char *const *words_of(const network_setting *setting) {
  return setting->type == VALUE_BOOL ? truths : setting->type == VALUE_CHOICE ? setting->choices : NULL;
}

static bool parse_one(const network_setting *setting, const char *text, double *number) {
  const char *const *words = words_of(setting);
  for (int i = 0; words && words[i]; i++) {
    *number = i;
    if (!strcmp(text, words[i])) return true;
  }
  if (words) return false;
  const char *end;
  if (setting->type == VALUE_DOUBLE) return number_parse(text, &end, number) && !*end;
  char *stop;
  const long long whole = strtoll(text, &stop, 10);
  *number = (double)whole;
  return stop != text && !*stop && whole >= INT_MIN && whole <= INT_MAX;
}

bool setting_parse(const network_setting *setting, const char *text, setting_value *value) {
  const int most = setting->most ? setting->most : 1;
  char one[sizeof(setting_text)];
  *value = (setting_value){0};
  for (const char *at = text; at;) {
    const size_t length = setting->most ? strcspn(at, ",") : strlen(at);
    if (length >= sizeof one || value->count == most) return false;
    memcpy(one, at, length);
    one[length] = 0;
    if (!parse_one(setting, one, &value->numbers[value->count++])) return false;
    at = at[length] ? at + length + 1 : NULL;
  }
  return true;
}

setting_text setting_format(const network_setting *setting, const setting_value *value) {
  const char *const *words = words_of(setting);
  setting_text made = {""};
  for (int i = 0; i < value->count; i++) {
    const size_t used = strlen(made.text);
    snprintf(made.text + used, sizeof made.text - used, "%s%s", i ? "," : "",
             words ? words[(int)value->numbers[i]] : number_format(value->numbers[i]).text);
  }
  return made;
}

const char *setting_type_name(const network_setting *setting) {
  if (setting->most) return setting->type == VALUE_INT ? "integers between commas were" : "a list between commas was";
  return setting->type == VALUE_INT ? "an integer was" : setting->type == VALUE_DOUBLE ? "a number was" : "another word was";
}

bool setting_in_range(const network_setting *setting, const setting_value *value) {
  for (int i = 0; i < value->count && !words_of(setting); i++) {
    const double number = value->numbers[i];
    if (!(number >= setting->low && number <= setting->high)) return false;
    if (setting->multiple && (int)number % setting->multiple) return false;
  }
  return value->count > 0;
}

setting_text setting_range(const network_setting *setting) {
  const char *const *words = words_of(setting);
  setting_text made = {""};
  if (!words)
    snprintf(made.text, sizeof made.text, "%s to %s%s%.0d", number_format(setting->low).text, number_format(setting->high).text,
             setting->multiple ? ", a multiple of " : "", setting->multiple);
  for (int i = 0; words && words[i]; i++) {
    const size_t used = strlen(made.text);
    snprintf(made.text + used, sizeof made.text - used, "%s%s", i ? ", " : "one of ", words[i]);
  }
  return made;
}

bool setting_equal(const setting_value *a, const setting_value *b) {
  return a->count == b->count && !memcmp(a->numbers, b->numbers, (size_t)a->count * sizeof *a->numbers);
}

// ---------------------------------------------------------------------------------------------------------------------
// Values in mote_model_info

static int *field_of(const mote_model_info *info, const network_setting *setting) {
  return (int *)(void *)((char *)(uintptr_t)info + setting->field);
}

const char *settings_next(const char *at, setting_entry *entry) {
  if (!*at) return NULL;
  const size_t length = strcspn(at, ";");
  const char *equals = memchr(at, '=', length);
  const size_t name = equals ? (size_t)(equals - at) : length, value = equals ? length - name - 1 : 0;
  snprintf(entry->name, sizeof entry->name, "%.*s", (int)name, at);
  // One that is too long for any setting is read as none.
  snprintf(entry->value, sizeof entry->value, "%.*s", (int)(value < sizeof entry->value ? value : 0), equals ? equals + 1 : "");
  return at + length + (at[length] == ';');
}

setting_value setting_get(const mote_model_info *info, const network_setting *setting) {
  setting_value value = {0};
  if (setting->field) {
    value = (setting_value){1, {*field_of(info, setting)}};
    if (!setting->like || value.numbers[0] != 0) return value;
    return setting_get(info, setting_find(network_of(info), setting->like));
  }
  const char *text = setting->usual ? setting->usual : "";
  setting_entry entry;
  for (const char *at = info->settings; (at = settings_next(at, &entry));) {
    if (strcmp(entry.name, setting->name)) continue;
    text = entry.value;
    break;
  }
  if (!setting_parse(setting, text, &value)) value.count = 0;
  return value;
}

setting_text setting_describe(const mote_model_info *info, const network_setting *setting) {
  const setting_value value = setting_get(info, setting);
  setting_text made = setting_format(setting, &value);
  if (setting->describe) setting->describe(info, made.text, sizeof made.text);
  return made;
}

bool setting_is_told(const mote_model_info *info, const network_setting *setting) {
  setting_entry entry;
  for (const char *at = info->settings; (at = settings_next(at, &entry));)
    if (!strcmp(entry.name, setting->name)) return true;
  return false;
}

bool setting_put(mote_model_info *info, const network_setting *setting, const setting_value *value) {
  if (setting->field) {
    *field_of(info, setting) = (int)value->numbers[0];
    return true;
  }
  char text[2 * sizeof info->settings];  // at most all that stands there, and this
  size_t used = 0;
  setting_entry entry;
  for (const char *at = info->settings, *next; (next = settings_next(at, &entry)); at = next) {
    const size_t length = strcspn(at, ";");
    if (strcmp(entry.name, setting->name))
      used += (size_t)snprintf(text + used, sizeof text - used, "%.*s;", (int)length, at);
  }
  used += (size_t)snprintf(text + used, sizeof text - used, "%s=%s", setting->name, setting_format(setting, value).text);
  if (used >= sizeof info->settings) return false;
  memcpy(info->settings, text, used + 1);
  return true;
}

setting_value setting_of(const mote_model_info *info, const char *name) {
  return setting_get(info, setting_find(network_of(info), name));
}

const network_setting *settings_differ(const mote_model_info *a, const mote_model_info *b, bool of_data) {
  for (const network_setting *setting = network_of(a)->settings; setting->name; setting++) {
    const setting_value of_a = setting_get(a, setting), of_b = setting_get(b, setting);
    if ((setting->of_data || !of_data) && !setting_equal(&of_a, &of_b)) return setting;
  }
  return NULL;
}

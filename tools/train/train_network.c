// train_network.c: which network is trained, and its settings, as options.
#include "tools/train/train_network.h"

#include <stdio.h>
#include <string.h>

#include "graph/nets/settings.h"
#include "runtime/error.h"
#include "tools/options.h"

static const network *chosen(const train_network *o) { return network_at(o->net); }

static int index_of(const network *network) {
  int index = 0;
  while (network_at(index) != network) index++;
  return index;
}

static void add(train_network *o, const network_setting *setting) {
  network_option *option = &o->settings[o->count];
  for (int i = 0; i < o->count; i++)
    if (!strcmp(o->settings[i].setting->name, setting->name)) return;
  if (o->count == NETWORK_OPTIONS) return;
  o->count++;
  option->setting = setting;
  snprintf(option->name, sizeof option->name, "%s", setting->name);
  for (char *c = option->name; *c; c++)
    if (*c == '_') *c = '-';
  const char *usual = setting->usual ? setting->usual : "", *on_cpu = setting->usual_on_cpu;
  snprintf(option->help, sizeof option->help, on_cpu ? "%s (default %s on a GPU, %s on a CPU driver)" : "%s (default %s)",
           setting->help, usual, on_cpu);
}

void train_network_init(train_network *o) {
  snprintf(o->help, sizeof o->help, "the network: %s, which makes images; %s, which tells classes apart (default %s)",
           network_list_of(false).text, network_list_of(true).text, network_at(0)->name);
  for (int i = 0; network_at(i); i++)
    for (const network_setting *setting = network_at(i)->settings; setting->name; setting++)
      if (!setting->of_data) add(o, setting);
}

static mote_status check_one(train_network *o, network_option *option, mote_error *error) {
  const network_setting *setting = setting_find(chosen(o), option->setting->name);
  setting_value value;
  if (!option->value[0]) return MOTE_OK;
  if (!setting)
    return fail(error, MOTE_ERROR_USAGE, "--%s: found with a %s, which has no such setting", option->name, chosen(o)->name);
  char name[48];
  snprintf(name, sizeof name, "--%s", option->name);
  return option_setting(name, option->value, setting, &value, error);
}

mote_status train_network_check(train_network *o, bool net_given, mote_error *error) {
  if (o->classifier && !chosen(o)->classifies) {
    if (net_given)
      return fail(error, MOTE_ERROR_USAGE, "--classifier: found with --net %s, expected %s", chosen(o)->name,
                  network_list_of(true).text);
    for (o->net = 0; !chosen(o)->classifies;) o->net++;
  }
  o->classifier = chosen(o)->classifies;
  for (int i = 0; i < o->count; i++) TRY(check_one(o, &o->settings[i], error));
  return MOTE_OK;
}

static void put(train_network *o, const network_setting *setting, const char *text) {
  for (int i = 0; i < o->count; i++) {
    network_option *option = &o->settings[i];
    if (!strcmp(option->setting->name, setting->name) && !option->value[0])
      snprintf(option->value, sizeof option->value, "%s", text);
  }
}

void train_network_adopt(train_network *o, bool net_given, const mote_model_info *model) {
  if (!net_given && o->classifier == model->classifies) o->net = index_of(network_of(model));
  for (const network_setting *setting = network_of(model)->settings; setting->name; setting++) {
    const setting_value value = setting_get(model, setting);
    put(o, setting, setting_format(setting, &value).text);
  }
}

void train_network_settle(train_network *o, int side, bool on_cpu) {
  mote_model_info given = {.height = side};
  if (train_network_describe(o, &given, NULL)) return;  // of which the trainer will say why
  for (const network_setting *setting = chosen(o)->settings; setting->name; setting++) {
    const char *text = chosen(o)->usual ? chosen(o)->usual(&given, setting, on_cpu) : NULL;
    if (!text) text = on_cpu && setting->usual_on_cpu ? setting->usual_on_cpu : setting->usual;
    if (text) put(o, setting, text);
  }
}

mote_status train_network_describe(const train_network *o, mote_model_info *model, mote_error *error) {
  snprintf(model->architecture, sizeof model->architecture, "%s", chosen(o)->name);
  for (int i = 0; i < o->count; i++) {
    const network_option *option = &o->settings[i];
    const network_setting *setting = setting_find(chosen(o), option->setting->name);
    setting_value value;
    if (setting && option->value[0] && setting_parse(setting, option->value, &value) && !setting_put(model, setting, &value))
      return fail(error, MOTE_ERROR_USAGE, "--%s: found \"%s\", expected settings that are shorter together", option->name,
                  option->value);
  }
  return MOTE_OK;
}

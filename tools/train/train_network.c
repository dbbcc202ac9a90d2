// train_network.c: which network is trained, and its settings, as options.
#include "tools/train/train_network.h"

#include <stdio.h>
#include <string.h>

#include "graph/nets/metadata.h"
#include "graph/nets/settings.h"
#include "runtime/error.h"
#include "tools/options.h"

static const network *chosen(const train_network *o) { return network_at(o->net); }

static int index_of(const network *network) {
  int index = 0;
  while (network_at(index) != network) index++;
  return index;
}

static network_option *find(train_network *o, const char *setting) {
  for (int i = 0; i < o->count; i++)
    if (!strcmp(o->settings[i].setting->name, setting)) return &o->settings[i];
  return NULL;
}

static void add(train_network *o, const network *network, const network_setting *setting) {
  network_option *option = &o->settings[o->count];
  if (find(o, setting->name) || o->count == NETWORK_OPTIONS) return;
  o->count++;
  option->setting = setting;
  option->one_by_one = network->forms;
  snprintf(option->name, sizeof option->name, "%s", setting->name);
  for (char *c = option->name; *c; c++)
    if (*c == '_') *c = '-';
  const char *usual = setting->usual ? setting->usual : "", *on_cpu = setting->usual_on_cpu;
  snprintf(option->help, sizeof option->help, on_cpu ? "%s (default %s on a GPU, %s on a CPU driver)" : "%s (default %s)",
           setting->help, usual, on_cpu);
}

static void add_forms(train_network *o, const network *network) {
  for (const network_form *form = network->forms; form && form->name && o->form_count < NETWORK_FORMS; form++)
    o->forms[o->form_count++] = (network_form_option){form, network, form->setting ? find(o, form->setting) : NULL, ""};
}

void train_network_init(train_network *o) {
  snprintf(o->help, sizeof o->help, "the network: %s, which makes images; %s, which tells classes apart (default %s)",
           network_list_of(false).text, network_list_of(true).text, network_at(0)->name);
  for (int i = 0; network_at(i); i++) {
    for (const network_setting *setting = network_at(i)->settings; setting->name; setting++)
      if (!setting->of_data) add(o, network_at(i), setting);
    add_forms(o, network_at(i));
  }
}

static mote_status take_setting(network_option *setting, const char *option, const char *text, mote_error *error) {
  if (setting->asked && strcmp(setting->asked, option))
    return fail(error, MOTE_ERROR_USAGE, "found both --%s and --%s, expected one of them", setting->asked, option);
  setting->asked = option;
  snprintf(setting->value, sizeof setting->value, "%s", text);
  return MOTE_OK;
}

mote_status train_network_take(train_network *o, const char *option, const char *text, mote_error *error) {
  if (!text[0] || strlen(text) >= NETWORK_VALUE_BYTES)
    return fail(error, MOTE_ERROR_USAGE, "--%s: found \"%s\", expected 1 to %d bytes", option, text, NETWORK_VALUE_BYTES - 1);
  for (int i = 0; i < o->form_count; i++) {
    if (strcmp(o->forms[i].form->name, option)) continue;
    if (o->forms[i].setting) return take_setting(o->forms[i].setting, o->forms[i].form->name, text, error);
    snprintf(o->forms[i].value, sizeof o->forms[i].value, "%s", text);
  }
  for (int i = 0; i < o->count; i++)
    if (!strcmp(o->settings[i].name, option)) return take_setting(&o->settings[i], o->settings[i].name, text, error);
  return MOTE_OK;
}

static mote_status check_one(train_network *o, network_option *option, mote_error *error) {
  const network_setting *setting = setting_find(chosen(o), option->setting->name);
  setting_value value;
  if (!option->value[0]) return MOTE_OK;
  const char *asked = option->asked ? option->asked : option->name;
  if (!setting)
    return fail(error, MOTE_ERROR_USAGE, "--%s: found with a %s, which has no such setting", asked, chosen(o)->name);
  char name[48];
  snprintf(name, sizeof name, "--%s", asked);
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
  for (int i = 0; i < o->form_count; i++)
    if (o->forms[i].value[0] && o->forms[i].network != chosen(o))
      return fail(error, MOTE_ERROR_USAGE, "--%s: found with a %s, which has no such setting", o->forms[i].form->name,
                  chosen(o)->name);
  for (int i = 0; i < o->count; i++) TRY(check_one(o, &o->settings[i], error));
  return MOTE_OK;
}

static void put(train_network *o, const network_setting *setting, const char *text) {
  network_option *option = find(o, setting->name);
  if (option && !option->value[0]) snprintf(option->value, sizeof option->value, "%s", text);
}

void train_network_adopt(train_network *o, bool net_given, const mote_model_info *model) {
  if (!net_given && o->classifier == model->classifies) o->net = index_of(network_of(model));
  for (const network_setting *setting = network_of(model)->settings; setting->name; setting++) {
    const setting_value value = setting_get(model, setting);
    put(o, setting, setting_format(setting, &value).text);
  }
}

// Of the settings that `form` stands for, as `meant` has them, those that are open get them, and others must be the same.
static mote_status agree(train_network *o, const network_form_option *form, const mote_model_info *meant, mote_error *error) {
  for (const network_setting *setting = chosen(o)->settings; setting->name; setting++) {
    network_option *option = find(o, setting->name);
    const setting_value value = setting_get(meant, setting);
    const setting_text text = setting_format(setting, &value);
    if (!option || !setting_is_told(meant, setting)) continue;
    if (option->value[0] && strcmp(option->value, text.text))
      return fail(error, MOTE_ERROR_USAGE, "--%s: found \"%s\", which stands for --%s %s, but that is %s already; leave one of them out",
                  form->form->name, form->value, option->name, text.text, option->value);
    put(o, setting, text.text);
  }
  return MOTE_OK;
}

static mote_status settle_form(train_network *o, const network_form_option *form, image_size size, mote_error *error) {
  mote_model_info told = {.width = size.width, .height = size.height};
  char why[160];
  TRY(train_network_describe(o, &told, error));
  if (!form->form->put(&told, form->value, why, sizeof why))
    return fail(error, MOTE_ERROR_USAGE, "--%s: found \"%s\", expected %s", form->form->name, form->value, why);
  return agree(o, form, &told, error);
}

mote_status train_network_settle(train_network *o, image_size size, bool on_cpu, mote_error *error) {
  for (int i = 0; i < o->form_count; i++)
    if (o->forms[i].value[0]) TRY(settle_form(o, &o->forms[i], size, error));
  mote_model_info given = {.width = size.width, .height = size.height};
  if (train_network_describe(o, &given, NULL)) return MOTE_OK;  // of which the trainer will say why
  for (const network_setting *setting = chosen(o)->settings; setting->name; setting++) {
    char of_data[NETWORK_VALUE_BYTES];
    const char *text = on_cpu && setting->usual_on_cpu ? setting->usual_on_cpu : setting->usual;
    if (chosen(o)->usual && chosen(o)->usual(&given, setting, on_cpu, of_data, sizeof of_data)) text = of_data;
    if (text) put(o, setting, text);
  }
  return MOTE_OK;
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

// Whether the network takes images of that many pixels; else `error` has why.
static bool takes(const train_network *o, int width, int height, mote_error *error) {
  mote_model_info model = {.channels = 3, .width = width, .height = height, .n_cfeat = 1};
  char where[64];
  snprintf(where, sizeof where, "for a %s", chosen(o)->name);
  return !train_network_describe(o, &model, error) && !metadata_check_settings(&(described){where, MOTE_ERROR_FORMAT}, &model, error);
}

// `size`, or a part of it, with sides that are multiples of `step`; of equal sides the longer one.
static bool try_size(const train_network *o, image_size size, int part, int step, bool equal, int found[2]) {
  const int block = part * step;
  found[0] = (size.width + block - 1) / block * step;
  found[1] = (size.height + block - 1) / block * step;
  if (equal) found[0] = found[1] = found[0] > found[1] ? found[0] : found[1];
  if (!equal && found[0] == found[1] && size.width != size.height) return false;  // by chance
  return takes(o, found[0], found[1], NULL);
}

// A size near to this one, or to its half, quarter, ..., that it takes; of equal sides if it must be.
static bool find_size(const train_network *o, image_size size, int found[2]) {
  for (int part = 1; part <= 64; part *= 2)
    for (int equal = 0; equal < 2; equal++)
      for (int step = 1; step <= 64; step *= 2)
        if (try_size(o, size, part, step, equal, found)) return true;
  return false;
}

// Another network that would take them as they are; NULL: none.
static const char *find_other(const train_network *o, image_size size) {
  for (int i = 0; network_at(i); i++) {
    train_network other;
    train_network_init(&other);
    other.net = i;
    if (i != o->net && network_at(i)->classifies == chosen(o)->classifies && !train_network_settle(&other, size, true, NULL) &&
        takes(&other, size.width, size.height, NULL))
      return network_at(i)->name;
  }
  return NULL;
}

// What makes squares of images without other pixels, where that would help.
static const char *square_cure(const train_network *o, image_size size) {
  const bool wide = size.width > size.height;
  const int longer = wide ? size.width : size.height, shorter = wide ? size.height : size.width;
  const bool pads = takes(o, longer, longer, NULL), crops = takes(o, shorter, shorter, NULL);
  if (longer == shorter || (!pads && !crops)) return "";
  return !crops ? ", --pad square keeps their pixels" : !pads ? ", --crop square keeps the middle" : ", --pad square or --crop square keeps their pixels";
}

mote_status train_network_check_size(const train_network *o, image_size size, const char *data, mote_error *error) {
  mote_error why;
  int found[2];
  char cure[120] = "";
  if (takes(o, size.width, size.height, &why) || !find_size(o, size, found)) return MOTE_OK;  // or it is not the size
  const char *other = find_other(o, size);
  if (other) snprintf(cure, sizeof cure, ", and --net %s takes them as they are", other);
  return fail(error, MOTE_ERROR_FORMAT, "%s: the images are %d x %d pixels, %s; --size %dx%d makes them fit%s%s", data, size.width,
              size.height, why.message, found[0], found[1], found[0] == found[1] ? square_cure(o, size) : "", cure);
}

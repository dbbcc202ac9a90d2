// settings.h: values of a network's settings, as metadata, options and mote_model_info hold them.
#ifndef MOTE_GRAPH_NETS_SETTINGS_H
#define MOTE_GRAPH_NETS_SETTINGS_H

#include "graph/nets/network.h"

#define SETTING_MOST 16  // values of a list

// What a setting is: numbers, 0 and 1, or places among its choices.
typedef struct setting_value {
  int count;
  double numbers[SETTING_MOST];
} setting_value;

typedef struct setting_text {
  char text[160];
} setting_text;

// Its row in the network's table; NULL: there is none of this name.
const network_setting *setting_find(const network *network, const char *name);

// `text` as metadata has it. False if it is of another type, as setting_wants says.
bool setting_parse(const network_setting *setting, const char *text, setting_value *value);
setting_text setting_format(const network_setting *setting, const setting_value *value);

// What a setting of `info` comes to, for people: 0 may stand for a number that follows from others.
setting_text setting_describe(const mote_model_info *info, const network_setting *setting);

// "an integer was expected", and "8 to 1024, a multiple of 8".
const char *setting_type_name(const network_setting *setting);
bool setting_in_range(const network_setting *setting, const setting_value *value);
setting_text setting_range(const network_setting *setting);

// What `info` says, else the usual value; a count of 0: what it says cannot be read.
setting_value setting_get(const mote_model_info *info, const network_setting *setting);

// Whether the text `settings` names it.
bool setting_is_told(const mote_model_info *info, const network_setting *setting);

// False: the text `settings` has no room for it.
bool setting_put(mote_model_info *info, const network_setting *setting, const setting_value *value);

// For a network that builds itself: a setting of its table.
setting_value setting_of(const mote_model_info *info, const char *name);

bool setting_equal(const setting_value *a, const setting_value *b);

// The first setting, of the data's alone if `of_data`, in which two models of one network differ; NULL: none.
const network_setting *settings_differ(const mote_model_info *a, const mote_model_info *b, bool of_data);

// What the next entry of a text "name=value;name=value" is, and where the one after it begins; NULL at the end.
typedef struct setting_entry {
  char name[40], value[160];
} setting_entry;

const char *settings_next(const char *at, setting_entry *entry);

#endif

// train_network.h: which network `mote train` makes, and the options that the tables of networks' settings are.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_NETWORK_H
#define MOTE_TOOLS_TRAIN_TRAIN_NETWORK_H

#include "mote.h"
#include "tools/images/image.h"

#define NETWORK_OPTIONS 28
#define NETWORK_FORMS 8
#define NETWORK_VALUE_BYTES 160

// A setting of one of the networks.
typedef struct network_option {
  const struct network_setting *setting;
  char name[40], help[200], value[NETWORK_VALUE_BYTES];  // value: as metadata has it; "": open
  const char *asked;                                     // the option that it was given by; NULL: by none
  bool one_by_one;                                       // there are short forms for it and its like
} network_option;

// A short form of them.
typedef struct network_form_option {
  const struct network_form *form;
  const struct mote_network *network;
  network_option *setting;           // the one that it is another name of; NULL: it has a value of its own
  char value[NETWORK_VALUE_BYTES];   // "": not given
} network_form_option;

typedef struct train_network {
  int net;                           // --net, of network_at
  bool classifier;                   // --classifier
  network_option settings[NETWORK_OPTIONS];  // of all networks, but for those that follow from the data
  int count;
  network_form_option forms[NETWORK_FORMS];
  int form_count;
  char help[400];                    // of --net
} train_network;

void train_network_init(train_network *network);

// Takes what the option of a setting or of a short form was given.
mote_status train_network_take(train_network *network, const char *option, const char *text, mote_error *error);

// Settles which network it is, and checks that what was given are settings of it, and in their ranges.
mote_status train_network_check(train_network *network, bool net_given, mote_error *error);

// Takes what `model` has where nothing else was asked for.
void train_network_adopt(train_network *network, bool net_given, const mote_model_info *model);

// Gives settings that are still open the values that short forms stand for, and then their usual ones for images of this size.
mote_status train_network_settle(train_network *network, image_size size, bool on_cpu, mote_error *error);

// MOTE_ERROR_FORMAT unless the network, whose settings are settled, takes such images of `data`; says what would help.
mote_status train_network_check_size(const train_network *network, image_size size, const char *data, mote_error *error);

// Puts the network and its settings into `model`.
mote_status train_network_describe(const train_network *network, mote_model_info *model, mote_error *error);

#endif

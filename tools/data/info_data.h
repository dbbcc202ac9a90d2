// info_data.h: the part of `mote info` that shows what a data set holds.
#ifndef MOTE_TOOLS_DATA_INFO_DATA_H
#define MOTE_TOOLS_DATA_INFO_DATA_H

#include "tools/data/dataset.h"

// True for what `mote train` would take: "angband", a folder, a .png or a .npy file.
bool info_is_data(const char *path);

// Prints counts and classes; writes a contact sheet to `picture` unless that is NULL. No device is needed.
mote_status info_show_data(const dataset_desc *desc, const char *picture, bool json, mote_error *error);

#endif

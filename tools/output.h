// output.h: checks before the work starts that the files it is to end in can be written.
#ifndef MOTE_TOOLS_OUTPUT_H
#define MOTE_TOOLS_OUTPUT_H

#include <stdbool.h>

#include "mote.h"

// MOTE_ERROR_USAGE when the name ends in another extension than `extension` (".png"); none at all is accepted, so that
// pipes and devices can be named.
mote_status output_check_extension(const char *option, const char *path, const char *extension, mote_error *error);

// MOTE_ERROR_FILE, naming `option`, when a file could not be written at `path`. NULL is accepted.
mote_status output_check_writable(const char *option, const char *path, mote_error *error);

// The same for a folder that is there, or could be made, to take files.
mote_status output_check_directory(const char *option, const char *path, mote_error *error);

#endif

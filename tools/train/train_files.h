// train_files.h: the files that a training run reads, as its settings.json names them: so that the run goes on from any folder,
// and after it was moved together with them.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_FILES_H
#define MOTE_TOOLS_TRAIN_TRAIN_FILES_H

#include <limits.h>
#include <stdbool.h>

#include "mote.h"

// Enough for a digest in hexadecimal.
enum { TRAIN_DIGEST_BYTES = 24 };

// What settings.json of the run that writes `output` calls the file at `path`: a path relative to the run's folder ("../sprites")
// for what lies beside it or below, else one from the root. What is no file (a class map) stays as it is. MOTE_ERROR_USAGE,
// naming `option`, where the name is no UTF-8 and could not be written there.
mote_status train_file_store(const char *option, const char *output, const char *path, char stored[PATH_MAX], mote_error *error);

// The path to use for what train_file_store made; false where nothing is there. Settings of older versions hold paths relative to
// the folder in which the run was started: they are found if that is the current one, and it is said.
bool train_file_find(const char *output, const char *stored, char path[PATH_MAX]);

// A number of the file's bytes; empty for what is no file that could be read twice.
mote_status train_file_digest(const char *option, const char *path, char digest[TRAIN_DIGEST_BYTES], mote_error *error);

#endif

// output.h: checks before the work starts that the files it is to end in can be written, and replace nothing that was not
// asked for.
#ifndef MOTE_TOOLS_OUTPUT_H
#define MOTE_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote.h"

// The files that a command reads and writes. No output may be an input or another output, whatever names they go by: ./x,
// links and hard links are seen through. All zeros is an empty one.
//
//     claims_read(&claims, "MODEL", o->model);
//     claims_write(&claims, "-o", o->output);
//     return claims_settle(&claims, error);
typedef struct file_claim file_claim;
typedef struct file_claims {
  file_claim *claims;  // owned; their strings are borrowed
  size_t count;
  bool out_of_memory;  // said by claims_check
} file_claims;

// `option` is what a message calls it: "--init", "MODEL". A NULL path is passed over, and so is, for reading, one where
// nothing is ("hero=1-3", which is no FILE). A folder that is read is one of pictures: no picture may be written into it.
void claims_read(file_claims *claims, const char *option, const char *path);
void claims_write(file_claims *claims, const char *option, const char *path);

// The pictures `first` to `first + count - 1` in a folder, named by numbered_digits(): 0000.png.
void claims_write_numbered(file_claims *claims, const char *option, const char *folder, uint64_t first, uint64_t count);

// MOTE_ERROR_USAGE that names both options where two claims are of one file.
mote_status claims_check(const file_claims *claims, mote_error *error);

// MOTE_ERROR_FILE, naming the option, where an output could not be written.
mote_status claims_check_writable(const file_claims *claims, mote_error *error);
void claims_finish(file_claims *claims);

// Both checks; the claims are finished either way.
mote_status claims_settle(file_claims *claims, mote_error *error);

// How many digits the names of pictures `first` to `first + count - 1` have: 0007.png has 4, the least.
int numbered_digits(uint64_t first, uint64_t count);

// MOTE_ERROR_USAGE when the name ends in another extension than `extension` (".png"); none at all is accepted, so that
// pipes and devices can be named.
mote_status output_check_extension(const char *option, const char *path, const char *extension, mote_error *error);

// MOTE_ERROR_FILE, naming `option`, when a file could not be written at `path`. NULL is accepted. Removes what killed processes
// left unfinished beside it.
mote_status output_check_writable(const char *option, const char *path, mote_error *error);

// The same for a folder that is there, or could be made, to take files.
mote_status output_check_directory(const char *option, const char *path, mote_error *error);

#endif

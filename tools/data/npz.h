// npz.h: the arrays in a .npz file (numpy.savez, numpy.savez_compressed), which is a zip archive of .npy files.
#ifndef MOTE_TOOLS_DATA_NPZ_H
#define MOTE_TOOLS_DATA_NPZ_H

#include <stddef.h>
#include <stdint.h>

#include "mote.h"

#define NPZ_MAX_MEMBERS 1024
#define NPZ_HEAD_BYTES 16384  // of an array: room for the header of any .npy file that is read

typedef struct npz_member {
  char name[64];    // of the array, without .npy
  int method;       // 0: stored, 8: deflate
  uint32_t crc;     // of the inflated bytes
  size_t offset;    // of its local header
  size_t packed;    // bytes in the archive
  size_t inflated;  // bytes of the .npy file
} npz_member;

typedef struct npz {
  const char *name;      // opens messages; borrowed
  const uint8_t *bytes;  // of the whole file; borrowed
  size_t count;
  npz_member *members;  // those whose names end in .npy
  int member_count;
} npz;

// Reads the list of what is in the archive. Archives of another kind, encrypted or damaged ones, and lists that
// contradict the file's size or themselves are MOTE_ERROR_FORMAT.
mote_status npz_init(npz *archive, const char *name, const uint8_t *bytes, size_t count, mote_error *error);
void npz_finish(npz *archive);

// What is in the archive, for messages: "x, y, z".
void npz_list_names(const npz *archive, char *text, size_t bytes);

const npz_member *npz_find(const npz *archive, const char *name);  // NULL if there is none

// The first NPZ_HEAD_BYTES of a member, or all of it: `*head_bytes` of them. No more than that is inflated.
mote_status npz_read_head(const npz *archive, const npz_member *member, uint8_t *head, size_t *head_bytes,
                          mote_error *error);

// All of a member, its checksum right; `*data` is the caller's to free().
mote_status npz_read(const npz *archive, const npz_member *member, uint8_t **data, mote_error *error);

#endif

// npz.c: reads hostile zip archives of .npy files: stored and deflated members, zip64; APPNOTE.TXT of PKWARE, 4.3
// and 4.5.
//
// The list at the archive's end is believed, once it agrees with the file's size; of the headers before the members
// only their length is taken.
#include "tools/data/npz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime/error.h"

#define DEFLATE_MAX_RATIO 1032  // bytes that a byte of deflate can stand for

enum {
  STORED = 0,
  DEFLATED = 8,
  END_BYTES = 22,
  LOCATOR_BYTES = 20,
  END64_BYTES = 56,
  ENTRY_BYTES = 46,
  LOCAL_BYTES = 30
};

static uint64_t read_le(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

static mote_status fail_damaged(const npz *z, const char *reason, mote_error *error) {
  return fail(error, MOTE_ERROR_FORMAT, "%s: a damaged or cut-off .npz archive (%s)", z->name, reason);
}

// ---------------------------------------------------------------------------------------------------------------------
// The list

typedef struct directory {
  uint64_t entries, bytes, offset;
} directory;

// The end record is the last thing but for a comment of up to 65535 bytes.
static const uint8_t *find_end(const npz *z) {
  for (size_t back = END_BYTES; back <= z->count && back <= END_BYTES + 65535u; back++) {
    const uint8_t *end = z->bytes + z->count - back;
    if (!memcmp(end, "PK\5\6", 4) && read_le(end + 20, 2) == back - END_BYTES) return end;
  }
  return NULL;
}

static mote_status find_directory(const npz *z, directory *d, mote_error *error) {
  const uint8_t *end = find_end(z);
  if (!end) return fail_damaged(z, "it has no end record", error);
  const size_t end_offset = (size_t)(end - z->bytes);
  *d = (directory){read_le(end + 10, 2), read_le(end + 12, 4), read_le(end + 16, 4)};
  if (end_offset >= LOCATOR_BYTES && !memcmp(end - LOCATOR_BYTES, "PK\6\7", 4)) {  // zip64
    const uint64_t at = read_le(end - LOCATOR_BYTES + 8, 8);
    if (at > end_offset || end_offset - at < END64_BYTES || memcmp(z->bytes + at, "PK\6\6", 4))
      return fail_damaged(z, "its zip64 end record is not there", error);
    const uint8_t *end64 = z->bytes + at;
    *d = (directory){read_le(end64 + 32, 8), read_le(end64 + 40, 8), read_le(end64 + 48, 8)};
  }
  if (d->offset > end_offset || d->bytes > end_offset - d->offset)
    return fail_damaged(z, "its list is not where it should be", error);
  if (d->entries > NPZ_MAX_MEMBERS)
    return fail(error, MOTE_ERROR_FORMAT, "%s: holds %llu files, expected at most %d", z->name,
                (unsigned long long)d->entries, NPZ_MAX_MEMBERS);
  return MOTE_OK;
}

// Values of 32 bits that are all ones stand in the zip64 field instead, in this order.
static bool read_zip64(const uint8_t *extra, size_t bytes, uint64_t *values[3]) {
  const uint8_t *field = NULL;
  size_t left = 0;
  for (size_t at = 0; bytes - at >= 4 && !field; at += 4 + (size_t)read_le(extra + at + 2, 2)) {
    left = (size_t)read_le(extra + at + 2, 2);
    if (left > bytes - at - 4) return false;
    if (read_le(extra + at, 2) == 1) field = extra + at + 4;
  }
  for (int i = 0; i < 3; i++) {
    if (*values[i] != UINT32_MAX) continue;
    if (!field || left < 8) return false;
    *values[i] = read_le(field, 8);
    field += 8, left -= 8;
  }
  return true;
}

static mote_status check_entry(const npz *z, const npz_member *m, size_t limit, mote_error *error) {
  if (m->method != STORED && m->method != DEFLATED)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: %s: is packed by method %d, expected stored or deflate; numpy.savez and "
                "numpy.savez_compressed write these",
                z->name, m->name, m->method);
  if (m->offset > limit || limit - m->offset < LOCAL_BYTES || m->packed > limit - m->offset - LOCAL_BYTES)
    return fail_damaged(z, "a file in it is not where it should be", error);
  if (m->method == STORED ? m->inflated != m->packed : m->inflated / DEFLATE_MAX_RATIO > m->packed)
    return fail_damaged(z, "a file in it has another size than its bytes can have", error);
  return MOTE_OK;
}

// One entry; `*used` is its length. Files that are no .npy are passed over.
static mote_status read_entry(npz *z, const uint8_t *entry, size_t left, size_t limit, size_t *used,
                              mote_error *error) {
  if (left < ENTRY_BYTES || memcmp(entry, "PK\1\2", 4)) return fail_damaged(z, "its list is cut off", error);
  const size_t name_bytes = (size_t)read_le(entry + 28, 2), extra_bytes = (size_t)read_le(entry + 30, 2);
  *used = ENTRY_BYTES + name_bytes + extra_bytes + (size_t)read_le(entry + 32, 2);
  if (*used > left) return fail_damaged(z, "its list is cut off", error);
  const char *name = (const char *)entry + ENTRY_BYTES;
  npz_member m = {.method = (int)read_le(entry + 10, 2), .crc = (uint32_t)read_le(entry + 16, 4)};
  if (name_bytes < 5 || name_bytes - 4 >= sizeof m.name || memcmp(name + name_bytes - 4, ".npy", 4)) return MOTE_OK;
  memcpy(m.name, name, name_bytes - 4);
  if (strlen(m.name) != name_bytes - 4 || npz_find(z, m.name))
    return fail_damaged(z, "a name in it is not a name, or stands there twice", error);
  if (read_le(entry + 8, 2) & 1) return fail(error, MOTE_ERROR_FORMAT, "%s: %s: is encrypted", z->name, m.name);
  uint64_t inflated = read_le(entry + 24, 4), packed = read_le(entry + 20, 4), offset = read_le(entry + 42, 4);
  if (!read_zip64(entry + ENTRY_BYTES + name_bytes, extra_bytes, (uint64_t *[]){&inflated, &packed, &offset}))
    return fail_damaged(z, "a zip64 field is missing", error);
  m.inflated = inflated, m.packed = packed, m.offset = offset;
  TRY(check_entry(z, &m, limit, error));
  z->members[z->member_count++] = m;
  return MOTE_OK;
}

static bool overlap(const npz_member *a, const npz_member *b) {
  return a->offset < b->offset + LOCAL_BYTES + b->packed && b->offset < a->offset + LOCAL_BYTES + a->packed;
}

static mote_status read_list(npz *z, mote_error *error) {
  directory d = {0, 0, 0};
  TRY(find_directory(z, &d, error));
  z->members = calloc(d.entries + 1, sizeof *z->members);
  if (!z->members) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its list", z->name);
  size_t at = 0, used = 0;
  for (uint64_t i = 0; i < d.entries; i++, at += used)
    TRY(read_entry(z, z->bytes + d.offset + at, (size_t)d.bytes - at, (size_t)d.offset, &used, error));
  for (int i = 0; i < z->member_count; i++)
    for (int j = 0; j < i; j++)
      if (overlap(&z->members[i], &z->members[j])) return fail_damaged(z, "two files in it share bytes", error);
  return MOTE_OK;
}

mote_status npz_init(npz *z, const char *name, const uint8_t *bytes, size_t count, mote_error *error) {
  *z = (npz){.name = name, .bytes = bytes, .count = count};
  mote_status status = read_list(z, error);
  if (!status && !z->member_count)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: is a zip archive without a .npy file in it", name);
  if (status) npz_finish(z);
  return status;
}

void npz_finish(npz *z) {
  free(z->members);
  *z = (npz){0};
}

void npz_list_names(const npz *z, char *text, size_t bytes) {
  size_t used = 0;
  *text = 0;
  for (int i = 0; i < z->member_count && used < bytes; i++)
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? ", " : "", z->members[i].name);
}

const npz_member *npz_find(const npz *z, const char *name) {
  for (int i = 0; i < z->member_count; i++)
    if (!strcmp(z->members[i].name, name)) return &z->members[i];
  return NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Members

// After the local header, whose name and extra field have lengths of their own.
static mote_status find_packed(const npz *z, const npz_member *m, const uint8_t **packed, mote_error *error) {
  const uint8_t *local = z->bytes + m->offset;
  const size_t room = z->count - m->offset;
  if (memcmp(local, "PK\3\4", 4)) return fail_damaged(z, "a file in it is not where it should be", error);
  const size_t header = LOCAL_BYTES + (size_t)read_le(local + 26, 2) + (size_t)read_le(local + 28, 2);
  if (header > room || m->packed > room - header) return fail_damaged(z, "a file in it is cut off", error);
  *packed = local + header;
  return MOTE_OK;
}

// The first `wanted` bytes of a member. zlib counts in unsigned int, so that both ends move in pieces.
static bool inflate_some(const npz_member *m, const uint8_t *packed, uint8_t *out, size_t wanted) {
  if (m->method == STORED) {
    memcpy(out, packed, wanted);
    return true;
  }
  z_stream stream = {0};
  if (inflateInit2(&stream, -MAX_WBITS)) return false;
  size_t taken = 0, made = 0;
  int status = Z_OK;
  while (status == Z_OK && made < wanted) {
    const size_t in = m->packed - taken, room = wanted - made, most = 1u << 30;
    stream.next_in = (uint8_t *)(uintptr_t)packed + taken;
    stream.avail_in = (uInt)(in < most ? in : most);
    stream.next_out = out + made;
    stream.avail_out = (uInt)(room < most ? room : most);
    status = inflate(&stream, Z_NO_FLUSH);
    taken = (size_t)(stream.next_in - packed);
    made = (size_t)(stream.next_out - out);
  }
  inflateEnd(&stream);
  return made == wanted;
}

mote_status npz_read_head(const npz *z, const npz_member *m, uint8_t *head, size_t *head_bytes, mote_error *error) {
  const uint8_t *packed = NULL;
  TRY(find_packed(z, m, &packed, error));
  *head_bytes = m->inflated < NPZ_HEAD_BYTES ? m->inflated : NPZ_HEAD_BYTES;
  return inflate_some(m, packed, head, *head_bytes) ? MOTE_OK : fail_damaged(z, "a file in it does not inflate", error);
}

static uint32_t checksum(const uint8_t *data, size_t bytes) {
  uLong crc = crc32(0, NULL, 0);
  for (size_t at = 0; at < bytes;) {
    const size_t some = bytes - at < 1u << 30 ? bytes - at : 1u << 30;
    crc = crc32(crc, data + at, (uInt)some);
    at += some;
  }
  return (uint32_t)crc;
}

mote_status npz_read(const npz *z, const npz_member *m, uint8_t **data, mote_error *error) {
  const uint8_t *packed = NULL;
  *data = NULL;
  TRY(find_packed(z, m, &packed, error));
  uint8_t *made = malloc(m->inflated + 1);
  if (!made)
    return fail(error, MOTE_ERROR_MEMORY, "%s: %s: no memory for its %zu bytes", z->name, m->name, m->inflated);
  const char *reason = !inflate_some(m, packed, made, m->inflated) ? "a file in it does not inflate"
                       : checksum(made, m->inflated) != m->crc     ? "a file in it has another checksum"
                                                                   : NULL;
  if (reason) {
    free(made);
    return fail_damaged(z, reason, error);
  }
  *data = made;
  return MOTE_OK;
}

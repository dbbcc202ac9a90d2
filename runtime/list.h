// list.h: arrays that grow by doubling. How many entries one has room for follows from how many it holds: the next power of two.
#ifndef MOTE_RUNTIME_LIST_H
#define MOTE_RUNTIME_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Makes room for at least one entry after the `count` that the list holds. `pointer` is the address of a pointer to the entries,
// which is NULL where there are none, and stays as it is where there is no memory: false.
static inline bool list_make_room(void *pointer, size_t count, size_t entry_bytes) {
  void *entries;
  if (count & (count - 1)) return true;  // neither 0 nor a power of two
  if (count > SIZE_MAX / 2 / entry_bytes) return false;
  memcpy(&entries, pointer, sizeof entries);
  entries = realloc(entries, (count ? 2 * count : 1) * entry_bytes);
  if (entries) memcpy(pointer, &entries, sizeof entries);
  return entries;
}

// LIST_ROOM(shaders, count): of a list that is a variable, or a member.
#define LIST_ROOM(entries, count) list_make_room(&(entries), (size_t)(count), sizeof *(entries))

// The same for an array that says how many it has room for: at least `needed` afterwards.
static inline bool list_reserve(void *pointer, size_t *capacity, size_t needed, size_t entry_bytes) {
  void *entries;
  if (needed <= *capacity) return true;
  size_t wanted = needed > SIZE_MAX / 2 ? needed : 2 * needed;
  if (wanted > SIZE_MAX / entry_bytes) wanted = needed;
  if (wanted > SIZE_MAX / entry_bytes) return false;
  memcpy(&entries, pointer, sizeof entries);
  entries = realloc(entries, wanted * entry_bytes);
  if (!entries) return false;
  memcpy(pointer, &entries, sizeof entries);
  *capacity = wanted;
  return true;
}

#endif

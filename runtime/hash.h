// hash.h: FNV-1a with 64 bits (Fowler, Noll, Vo): tells whether bytes are those of another time. It does not stop one who wants
// two files to look alike.
#ifndef MOTE_RUNTIME_HASH_H
#define MOTE_RUNTIME_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

// `hash` is HASH_START, or what the bytes before these gave.
static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

// The same of whole words, a multiplication each: another hash than that of their bytes, in a quarter of the time.
static inline uint64_t hash_words(uint64_t hash, const uint32_t *words, size_t count) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);
  return hash;
}

#endif

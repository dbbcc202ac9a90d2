// permutation.h: a pseudorandom order of 0 … count - 1 without a table: a Feistel network of four rounds on the next
// even power of two, walked until it lands inside (Black & Rogaway 2002, "Ciphers with arbitrary finite domains"). By it training
// draws its images, on the device and on the host.
#ifndef MOTE_SHADERS_PERMUTATION_H
#define MOTE_SHADERS_PERMUTATION_H

#include "shaders/types.h"

// The finaliser of MurmurHash3 (Appleby 2011).
SHARED_FUNCTION uint mix_bits(uint x) {
  x ^= x >> 16;
  x *= 0x85EBCA6Bu;
  x ^= x >> 13;
  x *= 0xC2B2AE35u;
  return x ^ (x >> 16);
}

// Where position `i` of `count` comes in the order that `key` names. count is 1 to 2^31.
SHARED_FUNCTION uint permute(uint i, uint count, uint key) {
  int half_bits = 1;
  while ((1u << (2 * half_bits)) < count) half_bits++;
  uint mask = (1u << half_bits) - 1u;
  do {
    uint left = i >> half_bits, right = i & mask;
    for (uint round = 0u; round < 4u; round++) {
      uint next = left ^ (mix_bits(right ^ mix_bits(key + round * 0x9E3779B9u)) & mask);
      left = right;
      right = next;
    }
    i = left << half_bits | right;
  } while (i >= count);
  return i;
}

// Which of `count` images draw `draw` of a whole training takes: every image comes once an epoch, each in an order of its own.
SHARED_FUNCTION uint image_of_draw(uint draw, uint count, uint seed_low, uint seed_high) {
  return permute(draw % count, count, mix_bits(seed_low ^ mix_bits(seed_high ^ mix_bits(draw / count))));
}

#endif

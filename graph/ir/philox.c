// philox.c: ten rounds of Philox4x32.
#include "graph/ir/philox.h"

#include <math.h>

philox_block philox(philox_block counter, uint64_t key) {
  uint32_t *w = counter.words;
  uint32_t key_low = (uint32_t)key, key_high = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t first = (uint64_t)0xD2511F53u * w[0], second = (uint64_t)0xCD9E8D57u * w[2];
    philox_block next = {{(uint32_t)(second >> 32) ^ w[1] ^ key_low, (uint32_t)second,
                          (uint32_t)(first >> 32) ^ w[3] ^ key_high, (uint32_t)first}};
    counter = next;
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
  return counter;
}

double philox_uniform(philox_block counter, uint64_t key) {
  return 2 * ((philox(counter, key).words[0] >> 8) + 0.5) / 16777216.0 - 1;
}

double philox_normal(philox_block counter, uint64_t key) {
  philox_block block = philox(counter, key);
  double u = (block.words[0] + 1.0) / 4294967296.0, turn = block.words[1] / 4294967296.0;
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * turn);
}

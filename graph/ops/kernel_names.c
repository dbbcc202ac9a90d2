// kernel_names.c: the names of all kernels, from the tables of the ops of ops.def.
#include "graph/ops/kernel_names.h"

#include <string.h>

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"

static const op *const all[] = {
#define OP(name, builder) &name##_op,
#define GRADIENT_OP(name, of) &name##_op,
#include "graph/ops/ops.def"
};

static bool is_known(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (const kernel *k = all[i]->kernels; k->name; k++)
      if (strlen(k->name) == length && !memcmp(k->name, name, length)) return true;
  return false;
}

const char *kernel_names_unknown(const char *names) {
  for (const char *name = names;; name++) {
    size_t length = strcspn(name, ",");
    if (!is_known(name, length)) return name;
    name += length;
    if (!*name) return NULL;
  }
}

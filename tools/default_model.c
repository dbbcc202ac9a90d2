// default_model.c: the files inside the program; the build names them, if any.
#include "tools/default_model.h"

#include "models/embedded.h"  // written by the build: MOTE_DEFAULT_MODEL, MOTE_DEFAULT_CLASSIFIER, MOTE_CONTEXT_UNET_MODULE

#ifdef __APPLE__
#define SECTION ".const_data"
#define SYMBOL(name) "_" #name
#else
#define SECTION ".section .rodata"
#define SYMBOL(name) #name
#endif

// A function `name` that hands out the file's bytes. The assembler copies them; as an array of C they would take the compiler
// seconds.
#define EMBED(name, file)                                                     \
  __asm__(SECTION "\n"                                                        \
          ".globl " SYMBOL(mote_##name##_begin) "\n"                          \
          ".globl " SYMBOL(mote_##name##_end) "\n"                            \
          ".balign 16\n"                                                      \
          SYMBOL(mote_##name##_begin) ":\n"                                   \
          ".incbin \"" file "\"\n"                                            \
          SYMBOL(mote_##name##_end) ":\n"                                     \
          ".byte 0\n"                                                         \
          ".text\n");                                                         \
  extern const char mote_##name##_begin[], mote_##name##_end[];               \
  const void *name(size_t *bytes) {                                           \
    *bytes = (size_t)(mote_##name##_end - mote_##name##_begin);               \
    return mote_##name##_begin;                                               \
  }

#define EMBED_NOTHING(name)         \
  const void *name(size_t *bytes) { \
    *bytes = 0;                     \
    return NULL;                    \
  }

#ifdef MOTE_DEFAULT_MODEL
EMBED(default_model, MOTE_DEFAULT_MODEL)
#else
EMBED_NOTHING(default_model)
#endif

#ifdef MOTE_DEFAULT_CLASSIFIER
EMBED(default_classifier, MOTE_DEFAULT_CLASSIFIER)
#else
EMBED_NOTHING(default_classifier)
#endif

EMBED(context_unet_module, MOTE_CONTEXT_UNET_MODULE)

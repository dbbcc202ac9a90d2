// default_model.c: the weights that `mote sample` takes when no MODEL is named; the build names their file, if any.
#include "tools/default_model.h"

#ifdef MOTE_DEFAULT_MODEL

#ifdef __APPLE__
#define SECTION ".const_data"
#define SYMBOL(name) "_" #name
#else
#define SECTION ".section .rodata"
#define SYMBOL(name) #name
#endif

// The assembler copies the file; as an array of C it would take the compiler seconds.
__asm__(SECTION "\n"
        ".globl " SYMBOL(mote_default_model_begin) "\n"
        ".globl " SYMBOL(mote_default_model_end) "\n"
        ".balign 16\n"
        SYMBOL(mote_default_model_begin) ":\n"
        ".incbin \"" MOTE_DEFAULT_MODEL "\"\n"
        SYMBOL(mote_default_model_end) ":\n"
        ".byte 0\n"
        ".text\n");

extern const char mote_default_model_begin[], mote_default_model_end[];

const void *default_model(size_t *bytes) {
  *bytes = (size_t)(mote_default_model_end - mote_default_model_begin);
  return mote_default_model_begin;
}

#else

const void *default_model(size_t *bytes) {
  *bytes = 0;
  return NULL;
}

#endif

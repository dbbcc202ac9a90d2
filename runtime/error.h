// error.h: how a failure travels: a status, and one message made where the fault is seen.
#ifndef MOTE_RUNTIME_ERROR_H
#define MOTE_RUNTIME_ERROR_H

#include "mote.h"

// Fills `error` (which may be NULL) with `status` and the formatted sentence, and returns `status`, so that a fallible
// function ends with `return fail(error, MOTE_ERROR_FORMAT, "%s: ...", path);`. Names of files and what stands in them may
// be formatted as they are: text_show makes the sentence fit to be shown.
mote_status fail(mote_error *error, mote_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The first statement of every public function that takes an error: what an earlier failure left in it is gone, and NULL in
// the place of a pointer that must be given (those named) is refused. Once more for what a description must hold.
#define ENTER(error, ...)                                                                        \
  TRY(error_enter(error, __func__, #__VA_ARGS__, (const void *const[]){__VA_ARGS__},             \
                  sizeof((const void *const[]){__VA_ARGS__}) / sizeof(const void *)))
mote_status error_enter(mote_error *error, const char *function, const char *names, const void *const *pointers,
                        size_t count);

// Returns early from a function that has nothing to unwind.
#define TRY(call)                         \
  do {                                    \
    mote_status try_status_ = (call);     \
    if (try_status_) return try_status_;  \
  } while (0)

// Jumps to `label` with `status` set, for functions that unwind.
#define TRY_GOTO(label, call)             \
  do {                                    \
    status = (call);                      \
    if (status) goto label;               \
  } while (0)

#endif

// error.c: formats the one message of a failure.
#include "runtime/error.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/text.h"

mote_status fail(mote_error *error, mote_status status, const char *format, ...) {
  if (!error) return status;
  error->status = status;
  va_list arguments;
  va_start(arguments, format);
  text_show_format(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return status;
}

mote_status error_enter(mote_error *error, const char *function, const char *names, const void *const *pointers,
                        size_t count) {
  if (error) {
    error->status = MOTE_OK;
    error->message[0] = 0;
  }
  for (size_t i = 0; i < count; i++) {
    size_t length = strcspn(names, ",");
    if (!pointers[i])
      return fail(error, MOTE_ERROR_USAGE, "%s: %.*s is NULL, expected one that is there", function, (int)length, names);
    if (names[length]) names += length + 1 + strspn(names + length + 1, " ");
  }
  return MOTE_OK;
}

// error.c: formats the one message of a failure.
#include "runtime/error.h"

#include <stdarg.h>
#include <stdio.h>

mote_status fail(mote_error *error, mote_status status, const char *format, ...) {
  if (error) {
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
  }
  return status;
}

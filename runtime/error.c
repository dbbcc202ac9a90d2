// error.c: formats the one message of a failure.
#include "runtime/error.h"

#include <stdarg.h>

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

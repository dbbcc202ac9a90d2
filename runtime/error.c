// error.c: formats the one message of a failure.
#include "runtime/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/number.h"
#include "runtime/text.h"

mote_status fail(mote_error *error, mote_status status, const char *format, ...) {
  if (!error) return status;
  error->status = status;
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const locale_t before = number_locale_enter();
  // Whole first: a message that is too long loses its middle, not the reason at its end.
  const int length = vsnprintf(NULL, 0, format, arguments);
  char *whole = length < 0 ? NULL : malloc((size_t)length + 1);
  char part[sizeof error->message];
  if (whole)
    vsnprintf(whole, (size_t)length + 1, format, again);
  else
    vsnprintf(part, sizeof part, format, again);
  number_locale_leave(before);
  va_end(again);
  va_end(arguments);
  text_show(error->message, sizeof error->message, whole ? whole : part, "");
  free(whole);
  return status;
}

// number.c: switches this thread to the C locale while a number is read or written.
#include "runtime/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

locale_t number_locale_enter(void) {
  const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);  // in glibc and musl a constant, which takes no memory
  return c ? uselocale(c) : (locale_t)0;
}

void number_locale_leave(locale_t before) {
  if (before) freelocale(uselocale(before));
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool number_parse(const char *text, const char **end, double *value) {
  const char *digits = text + (*text == '-' || *text == '+');
  // strtod alone would take leading blanks, hexadecimal digits, "inf" and "nan".
  if (!is_digit(digits[0]) && !(digits[0] == '.' && is_digit(digits[1]))) return false;
  if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) return false;
  char *after = NULL;
  const locale_t before = number_locale_enter();
  *value = strtod(text, &after);
  number_locale_leave(before);
  *end = after;
  return isfinite(*value);
}

number_text number_format(double value) {
  number_text result;
  const locale_t before = number_locale_enter();
  for (int digits = 9; digits <= 17; digits++) {  // zeros at the end are left out anyway
    snprintf(result.text, sizeof result.text, "%.*g", digits, value);
    if (strtod(result.text, NULL) == value) break;
  }
  number_locale_leave(before);
  return result;
}

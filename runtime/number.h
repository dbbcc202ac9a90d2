// number.h: numbers as text, written and read with a decimal point whatever locale the host has set.
//
// strtod and printf follow LC_NUMERIC, which belongs to the host: a file that was written with decimal commas is read
// by nobody. Nothing else in the library reads or writes numbers that have a fraction.
#ifndef MOTE_RUNTIME_NUMBER_H
#define MOTE_RUNTIME_NUMBER_H

#include <locale.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif
#include <stdbool.h>

// Reads the number that `text` begins with, and where it ends. False if there is none or it is too large for a double.
// No blanks before it, no hexadecimal digits, no "inf" or "nan".
bool number_parse(const char *text, const char **end, double *value);

typedef struct number_text {
  char text[32];
} number_text;

// The shortest text, of 17 digits at most, that number_parse reads as `value`, which is finite.
number_text number_format(double value);

// Between these two calls printf and its kin write numbers as in the C locale, in this thread alone.
locale_t number_locale_enter(void);
void number_locale_leave(locale_t before);

#endif

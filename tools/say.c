// say.c: prints for people, what is not fit to be shown as \xNN.
#include "tools/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text.h"

// How long the first `bytes` bytes of `format` become.
static int measure(const char *format, size_t bytes, va_list arguments) {
  char *part = strndup(format, bytes);
  va_list again;
  va_copy(again, arguments);
  int length = part ? vsnprintf(NULL, 0, part, again) : -1;
  va_end(again);
  free(part);
  return length;
}

// Prints `bytes` bytes of `text`.
static void show(FILE *stream, char *text, size_t bytes, const char *keep) {
  const size_t room = 4 * bytes + 16;  // \xNN for every one
  char *shown = malloc(room), kept = text[bytes];
  text[bytes] = 0;
  if (shown) text_show(shown, room, text, keep);
  fputs(shown ? shown : "out of memory", stream);
  text[bytes] = kept;
  free(shown);
}

// Line by line of `format`, which is where the program's own lines end.
static void show_lines(FILE *stream, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again), begin = 0;
  va_end(again);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  if (!text) {
    char part[512];
    text_show_format(part, sizeof part, format, arguments);
    fputs(part, stream);
    return;
  }
  va_copy(again, arguments);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  for (const char *line_end = format; (line_end = strchr(line_end, '\n')); line_end++) {
    int end = measure(format, (size_t)(line_end - format), arguments);
    if (end < begin) break;
    show(stream, text + begin, (size_t)(end - begin), "");
    fputc('\n', stream);
    begin = end + 1;
  }
  show(stream, text + begin, (size_t)(length - begin), "");
  free(text);
}

void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("mote: ", stderr);
  show_lines(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

void print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  show_lines(stdout, format, arguments);
  va_end(arguments);
}

void print_help_text(FILE *stream, const char *text) {
  char *copy = strdup(text);
  if (copy) show(stream, copy, strlen(copy), "\n");
  free(copy);
}

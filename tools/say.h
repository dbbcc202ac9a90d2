// say.h: prints for people. Nothing else in tools/ does, but for the preview, whose colours are escape codes, and the bars that
// show progress: names, labels and metadata from outside cannot move the cursor, nor begin a line.
#ifndef MOTE_TOOLS_SAY_H
#define MOTE_TOOLS_SAY_H

#include <stdio.h>

// Prints the line "mote: ..." on standard error.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Prints on standard output. The line ends of `format` stay; those of what it formats are shown as \x0a.
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Prints the program's own words, of many lines, on either.
void print_help_text(FILE *stream, const char *text);

#endif

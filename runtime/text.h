// text.h: what foreign text (names of files, labels, metadata, what a driver or a file says) may be, and how it is shown.
//
// Text is fit to be shown when it is UTF-8 without anything that moves the cursor, changes the screen or reorders what stands
// beside it: no control characters (C0, DEL, C1), no line or paragraph separators, no bidirectional controls (Unicode
// Technical Report 36, section 2), no surrogates or noncharacters.
#ifndef MOTE_RUNTIME_TEXT_H
#define MOTE_RUNTIME_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Length of the UTF-8 sequence at `text`, of which `bytes` bytes are there, and its `*code`; 0 if it is none (RFC 3629).
size_t text_decode(const char *text, size_t bytes, uint32_t *code);

// True if all `bytes` bytes at `text` are fit to be shown.
bool text_is_clean(const char *text, size_t bytes);

// Why the `bytes` bytes at `text` cannot be the name of a class, as "expected 1 to 31 bytes"; NULL if they can. A label is
// listed in a file between commas, asked for by --context, where = gives its weight and "none" is no label, and is clean. No
// two labels of a model are the same, which is left to the caller.
const char *text_label_fault(const char *text, size_t bytes);

// The same of the name of an attribute, which stands before a colon too.
const char *text_attribute_fault(const char *text, size_t bytes);

// Writes `text` to `shown`, with \xNN for each byte that is not fit to be shown, except those in `keep` (such as "\n"; "" for
// none). What does not fit into `size` bytes loses its middle, where "..." stands: messages begin with the name of a file
// and end with the reason. `size` is 16 at least; the result ends with NUL. Returns the length that was needed without NUL.
size_t text_show(char *shown, size_t size, const char *text, const char *keep);

// Formats, numbers with a decimal point, and shows the whole by text_show.
void text_show_format(char *shown, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

#endif

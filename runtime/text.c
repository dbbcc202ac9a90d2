// text.c: tells text that is fit to be shown from text that is not, and shows the latter.
#include "runtime/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mote.h"
#include "runtime/number.h"

size_t text_decode(const char *text, size_t bytes, uint32_t *code) {
  const uint8_t *b = (const uint8_t *)text;
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};  // shorter forms of the same character are not UTF-8
  size_t length = b[0] < 0x80 ? 1 : b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 0;
  if (length == 0 || length > bytes) return 0;
  *code = length == 1 ? b[0] : b[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if (b[i] >> 6 != 2) return 0;
    *code = *code << 6 | (b[i] & 0x3fu);
  }
  if (*code >= 0xd800 && *code < 0xe000) return 0;  // halves of a surrogate pair
  return *code < least[length] || *code > 0x10ffff ? 0 : length;
}

static bool is_clean(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;      // C0, DEL, C1
  if (code == 0x61c || code == 0x200e || code == 0x200f) return false;  // marks of direction
  if (code >= 0x2028 && code <= 0x202e) return false;                  // separators, embeddings, overrides
  if (code >= 0x2066 && code <= 0x2069) return false;                  // isolates
  return !((code >= 0xfdd0 && code < 0xfdf0) || (code & 0xfffe) == 0xfffe || code == 0xfeff);
}

// Length of the character at `text` if it is fit to be shown, else 0.
static size_t clean_length(const char *text, size_t bytes) {
  uint32_t code;
  size_t length = text_decode(text, bytes, &code);
  return length && is_clean(code) ? length : 0;
}

bool text_is_clean(const char *text, size_t bytes) {
  for (size_t i = 0, length; i < bytes; i += length) {
    length = clean_length(text + i, bytes - i);
    if (!length) return false;
  }
  return true;
}

const char *text_label_fault(const char *text, size_t bytes) {
  _Static_assert(sizeof((mote_model_info *)0)->labels[0] == 32, "as the sentence says");
  if (bytes < 1 || bytes > 31) return "expected 1 to 31 bytes";
  if (!text_is_clean(text, bytes)) return "expected UTF-8 without control characters";
  if (memchr(text, ',', bytes) || memchr(text, '=', bytes)) return "expected no comma and no equals sign";
  return bytes == 4 && !memcmp(text, "none", 4) ? "expected another name than that of no label" : NULL;
}

const char *text_attribute_fault(const char *text, size_t bytes) {
  const char *fault = text_label_fault(text, bytes);
  return fault || !memchr(text, ':', bytes) ? fault : "expected no colon";
}

// The next character of `text` as it is shown, in `unit`: its length there. `*text` moves past what it stands for.
static size_t next_unit(const char **text, const char *end, const char *keep, char unit[5]) {
  size_t length = clean_length(*text, (size_t)(end - *text));
  if (!length && strchr(keep, **text)) length = 1;
  if (!length) {
    snprintf(unit, 5, "\\x%02x", (unsigned)(uint8_t)*(*text)++);
    return 4;
  }
  memcpy(unit, *text, length);
  *text += length;
  return length;
}

size_t text_show(char *shown, size_t size, const char *text, const char *keep) {
  const char *end = text + strlen(text), *at;
  char unit[5];
  size_t needed = 0;
  for (at = text; at < end;) needed += next_unit(&at, end, keep, unit);

  // Two thirds of the room go to the end.
  const bool fits = needed < size;
  const size_t room = fits ? needed : size - 1 - 3, head = fits ? needed : room / 3, tail_from = needed - (room - head);
  size_t filled = 0, passed = 0;
  bool cut = false;
  for (at = text; at < end;) {
    const size_t length = next_unit(&at, end, keep, unit);
    const bool in_head = passed + length <= head;
    if (in_head || passed >= tail_from) {
      memcpy(shown + filled, unit, length);
      filled += length;
    } else if (!cut) {
      memcpy(shown + filled, "...", 3);
      filled += 3;
      cut = true;
    }
    passed += length;
  }
  shown[filled] = 0;
  return needed;
}

void text_show_format(char *shown, size_t size, const char *format, va_list arguments) {
  char part[512];
  va_list again;
  va_copy(again, arguments);
  const locale_t before = number_locale_enter();
  // Whole first: a message that is too long loses its middle, not the reason at its end.
  const int length = vsnprintf(NULL, 0, format, arguments);
  char *whole = length < 0 ? NULL : malloc((size_t)length + 1);
  if (whole)
    vsnprintf(whole, (size_t)length + 1, format, again);
  else
    vsnprintf(part, sizeof part, format, again);
  number_locale_leave(before);
  va_end(again);
  text_show(shown, size, whole ? whole : part, "");
  free(whole);
}

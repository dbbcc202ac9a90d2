// safetensors_text.c: refuses header text that no JSON parser should see, and makes strings of files fit to be shown.
#include "graph/safetensors_text.h"

#include <string.h>

#include "runtime/error.h"

static const size_t max_header_values = 4000000;  // a parsed value takes 64 bytes or more; ten make up a tensor
static const int max_header_depth = 16;         // a tensor's shape is at 3

shown show(const char *string) {
  shown result;
  size_t length = 0;
  for (; string[length] && length < sizeof result.text - 4; length++) {
    unsigned char c = (unsigned char)string[length];
    result.text[length] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
  }
  strcpy(result.text + length, string[length] ? "..." : "");
  return result;
}

// Length of the well-formed UTF-8 sequence at `s` (RFC 3629: shortest form, no surrogates), 0 if it is none.
static size_t utf8_sequence(const uint8_t *s, size_t available) {
  if (s[0] < 0x80) return 1;
  size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4 || length > available) return 0;
  uint8_t low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
  uint8_t high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if (s[i] < 0x80 || s[i] > 0xbf) return 0;
  return length;
}

mote_status check_header_text(const char *name, const uint8_t *text, size_t bytes, mote_error *error) {
  bool in_string = false;
  int depth = 0;
  size_t commas = 0, step;
  for (size_t i = 0; i < bytes; i += step) {
    step = utf8_sequence(text + i, bytes - i);
    if (!step) return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of the header is not UTF-8", name, i);
    uint8_t c = text[i];
    if (c == 0 || (in_string && c < 0x20))
      return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of the header is a control character", name, i);
    if (in_string && c == '\\') {
      if (bytes - i >= 6 && !memcmp(text + i, "\\u0000", 6))
        return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of the header is a NUL character", name, i);
      step = bytes - i > 1 && text[i + 1] < 0x80 ? 2 : 1;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      commas += c == ',';
      if (depth > max_header_depth)
        return fail(error, MOTE_ERROR_FORMAT, "%s: the header is nested deeper than %d", name, max_header_depth);
      if (commas > max_header_values)
        return fail(error, MOTE_ERROR_FORMAT, "%s: the header holds more than %zu values", name, max_header_values);
    }
  }
  return MOTE_OK;
}

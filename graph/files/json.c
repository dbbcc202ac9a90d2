// json.c: what jsmn takes for tokens, checked by the grammar of RFC 8259, which jsmn does not insist on.
#include "graph/files/json.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS  // without them a closing bracket is searched for among all that came before
#include <jsmn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/list.h"
#include "runtime/number.h"
#include "runtime/text.h"

static const int max_values = 4000000;  // a value takes 20 bytes; ten or more make up a tensor
static const int max_depth = 16;        // a tensor's shape is at 3

struct json {
  char *text;         // a copy; each string is decoded where it stands and ends with NUL
  jsmntok_t *tokens;  // a parent stands before its children
  int count;
};

// ---------------------------------------------------------------------------------------------------------------------
// What no parser should see

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

mote_status json_check_text(const char *name, const char *part, const char *text, size_t bytes, mote_error *error) {
  bool in_string = false, ended = false;
  int depth = 0;
  size_t step;
  uint32_t code;
  for (size_t i = 0; i < bytes; i += step) {
    step = text_decode(text + i, bytes - i, &code);
    const char c = text[i];
    if (!step) return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of %s is not UTF-8", name, i, part);
    if (code == 0 || (in_string && code < 0x20))
      return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of %s is a control character", name, i, part);
    if (ended && !is_blank(c))
      return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of %s, after its JSON object, is not a space", name, i,
                  part);
    if (in_string && c == '\\') {
      if (bytes - i >= 6 && !memcmp(text + i, "\\u0000", 6))
        return fail(error, MOTE_ERROR_FORMAT, "%s: byte %zu of %s is a NUL character", name, i, part);
      step = bytes - i > 1 && (unsigned char)text[i + 1] < 0x80 ? 2 : 1;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      ended = depth == 0 && (c == '}' || c == ']' || ended);
      if (depth > max_depth)
        return fail(error, MOTE_ERROR_FORMAT, "%s: %s is nested deeper than %d", name, part, max_depth);
    }
  }
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The grammar: every byte outside the tokens is a blank, or the one mark that belongs there

static bool is_container(const jsmntok_t *token) {
  return token->type == JSMN_OBJECT || token->type == JSMN_ARRAY;
}
static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// What follows the digits at `at`, of which there is one at least; NULL if there is none.
static const char *pass_digits(const char *at) {
  if (!is_digit(*at)) return NULL;
  while (is_digit(*at)) at++;
  return at;
}

// true, false, null, or a number as JSON writes one. After `end` stands a mark or a blank, which no literal goes on
// with.
static bool is_literal(const char *at, const char *end) {
  const size_t length = (size_t)(end - at);
  if (length == 4 && (!memcmp(at, "true", 4) || !memcmp(at, "null", 4))) return true;
  if (length == 5 && !memcmp(at, "false", 5)) return true;
  if (*at == '-') at++;
  at = *at == '0' ? at + 1 : pass_digits(at);
  if (at && *at == '.') at = pass_digits(at + 1);
  if (at && (*at == 'e' || *at == 'E')) at = pass_digits(at + 1 + (at[1] == '+' || at[1] == '-'));
  return at == end;
}

typedef struct walk {
  const json *document;
  size_t at;  // all before it is checked
} walk;

// Moves on to `to` if what stands before it is blank but for `mark`, which is there once; no mark: 0.
static bool pass_gap(walk *w, size_t to, char mark) {
  for (; w->at < to; w->at++) {
    const char c = w->document->text[w->at];
    if (mark && c == mark)
      mark = 0;
    else if (!is_blank(c))
      return false;
  }
  return !mark && w->at == to;
}

// Passes the ends of the containers from token `index` up to its ancestor `last`, which stays open.
static bool pass_ends(walk *w, int index, int last) {
  for (; index != last; index = w->document->tokens[index].parent) {
    const jsmntok_t *token = &w->document->tokens[index];
    if (!is_container(token)) continue;
    if (!pass_gap(w, (size_t)token->end - 1, 0)) return false;
    w->at = (size_t)token->end;
  }
  return true;
}

// Whether a token may stand where it does, and the mark before it.
static bool find_place(const json *document, int index, char *mark) {
  const jsmntok_t *token = &document->tokens[index];
  *mark = 0;
  if (index == 0) return token->parent == -1;
  if (token->parent == -1) return false;
  const jsmntok_t *parent = &document->tokens[token->parent];
  const bool is_first = index == token->parent + 1;
  *mark = is_first ? 0 : ',';
  if (parent->type == JSMN_OBJECT) return token->type == JSMN_STRING && token->size == 1;  // a key and its value
  if (parent->type == JSMN_STRING) *mark = ':';
  if (parent->type == JSMN_STRING && (!is_first || document->tokens[parent->parent].type != JSMN_OBJECT)) return false;
  return parent->type != JSMN_PRIMITIVE && (is_container(token) || token->size == 0);
}

static bool check_grammar(walk *w) {
  const json *document = w->document;
  for (int i = 0; i < document->count; i++) {
    const jsmntok_t *token = &document->tokens[i];
    const size_t quote = token->type == JSMN_STRING;
    char mark;
    if (i > 0 && token->parent >= 0 && !pass_ends(w, i - 1, token->parent)) return false;
    if (!find_place(document, i, &mark) || !pass_gap(w, (size_t)token->start - quote, mark)) return false;
    if (token->type == JSMN_PRIMITIVE && !is_literal(document->text + token->start, document->text + token->end))
      return false;
    w->at = is_container(token) ? (size_t)token->start + 1 : (size_t)token->end + quote;
  }
  return document->count > 0 && pass_ends(w, document->count - 1, -1);
}

// ---------------------------------------------------------------------------------------------------------------------
// Strings

static uint32_t read_hex(const char *digits) {
  char text[5] = {digits[0], digits[1], digits[2], digits[3], 0};
  return (uint32_t)strtoul(text, NULL, 16);
}

static char *put_utf8(char *out, uint32_t code) {
  if (code < 0x80) {
    *out++ = (char)code;
    return out;
  }
  static const uint32_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  const int rest = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // bytes after the first
  *out++ = (char)(leads[rest] | code >> 6 * rest);
  for (int i = rest - 1; i >= 0; i--) *out++ = (char)(0x80u | (code >> 6 * i & 0x3fu));
  return out;
}

// Reads what follows "\u", which may be the first half of a surrogate pair, whose second half is read too.
static bool read_unicode(const char **at, const char *end, uint32_t *code) {
  *code = read_hex(*at);
  *at += 4;
  if (*code < 0xd800 || *code >= 0xe000) return true;
  if (*code >= 0xdc00 || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') return false;
  const uint32_t low = read_hex(*at + 2);
  *at += 6;
  *code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
  return low >= 0xdc00 && low < 0xe000;
}

// No escape is shorter than what it stands for. False if half a surrogate pair is missing.
static bool decode_string(char *at, const char *end) {
  static const char names[] = "bfnrt", codes[] = "\b\f\n\r\t";
  char *out = at;
  const char *in = at;
  while (in < end) {
    if (*in != '\\') {
      *out++ = *in++;
      continue;
    }
    const char escape = in[1];
    const char *name = strchr(names, escape);
    in += 2;
    uint32_t code = name ? (uint32_t)codes[name - names] : (uint32_t)escape;
    if (escape == 'u' && !read_unicode(&in, end, &code)) return false;
    out = put_utf8(out, code);
  }
  *out = 0;
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// The document

static mote_status fail_grammar(const char *name, const char *part, size_t at, mote_error *error) {
  return fail(error, MOTE_ERROR_FORMAT, "%s: %s is not valid JSON near byte %zu", name, part, at);
}

static mote_status fill(const char *name, const char *part, const char *text, size_t bytes, json *document, mote_error *error) {
  jsmn_parser parser;
  jsmn_init(&parser);
  const int count = jsmn_parse(&parser, text, bytes, NULL, 0);
  if (count < 0) return fail_grammar(name, part, parser.pos, error);
  if (count > max_values)
    return fail(error, MOTE_ERROR_FORMAT, "%s: %s holds more than %d values", name, part, max_values);
  document->text = malloc(bytes + 1);
  document->tokens = calloc((size_t)count + 1, sizeof *document->tokens);
  if (!document->text || !document->tokens) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %s", name, part);
  memcpy(document->text, text, bytes);
  document->text[bytes] = 0;
  jsmn_init(&parser);
  document->count = jsmn_parse(&parser, text, bytes, document->tokens, (unsigned)count);
  if (document->count != count) return fail_grammar(name, part, parser.pos, error);
  walk w = {document, 0};
  if (!check_grammar(&w)) return fail_grammar(name, part, w.at, error);
  for (int i = 0; i < count; i++) {
    const jsmntok_t *token = &document->tokens[i];
    if (token->type == JSMN_STRING && !decode_string(document->text + token->start, document->text + token->end))
      return fail_grammar(name, part, (size_t)token->start, error);
  }
  return MOTE_OK;
}

mote_status json_parse(const char *name, const char *part, const char *text, size_t bytes, json **out, mote_error *error) {
  *out = NULL;
  if (bytes == 0 || text[0] != '{')
    return fail(error, MOTE_ERROR_FORMAT, "%s: %s does not begin with '{'%s", name, part,
                strcmp(part, JSON_HEADER) ? "" : "; is this a safetensors file?");
  TRY(json_check_text(name, part, text, bytes, error));
  json *document = calloc(1, sizeof *document);
  mote_status status = document ? fill(name, part, text, bytes, document, error)
                                : fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %s", name, part);
  if (status)
    json_destroy(&document);
  else
    *out = document;
  return status;
}

void json_destroy(json **document) {
  if (!*document) return;
  free((*document)->text);
  free((*document)->tokens);
  free(*document);
  *document = NULL;
}

json_type json_get_type(const json *document, int value) {
  const jsmntype_t type = document->tokens[value].type;
  return type == JSMN_OBJECT   ? JSON_OBJECT
         : type == JSMN_ARRAY  ? JSON_ARRAY
         : type == JSMN_STRING ? JSON_STRING
                               : JSON_OTHER;
}

int json_count(const json *document, int value) {
  return document->tokens[value].size;
}

int json_first(const json *document, int value) {
  return json_count(document, value) ? value + 1 : -1;
}

int json_next(const json *document, int value) {
  int next = value + 1;
  while (next < document->count && document->tokens[next].parent >= value) next++;  // its own children
  return next < document->count && document->tokens[next].parent == document->tokens[value].parent ? next : -1;
}

const char *json_string(const json *document, int value) {
  return document->text + document->tokens[value].start;
}

static bool is_word(const json *document, int value, const char *word) {
  const jsmntok_t *token = &document->tokens[value];
  return token->type == JSMN_PRIMITIVE && !strncmp(document->text + token->start, word, strlen(word));
}

bool json_is_null(const json *document, int value) { return is_word(document, value, "null"); }
bool json_is_true(const json *document, int value) { return is_word(document, value, "true"); }

bool json_number(const json *document, int value, double *number) {
  const jsmntok_t *token = &document->tokens[value];
  const char *end, *text = document->text + token->start;
  if (token->type != JSMN_PRIMITIVE || (*text != '-' && !is_digit(*text))) return false;
  number_parse(text, &end, number);
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

static bool make_room(json_text *out, size_t bytes) {
  if (!out->out_of_memory) out->out_of_memory = !list_reserve(&out->text, &out->capacity, out->length + bytes + 1, 1);
  return !out->out_of_memory;
}

void json_write(json_text *out, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int length = vsnprintf(NULL, 0, format, arguments);
  if (length > 0 && make_room(out, (size_t)length)) {
    vsnprintf(out->text + out->length, (size_t)length + 1, format, again);
    out->length += (size_t)length;
  }
  va_end(again);
  va_end(arguments);
}

void json_write_string(json_text *out, const char *string) {
  static const char names[] = "bfnrt\"\\", codes[] = "\b\f\n\r\t\"\\";
  json_write(out, "\"");
  while (*string) {
    size_t plain = 0;
    while ((unsigned char)string[plain] >= 0x20 && !strchr("\"\\", string[plain])) plain++;
    json_write(out, "%.*s", (int)plain, string);
    string += plain;
    if (!*string) break;
    const char *code = strchr(codes, *string);
    if (code)
      json_write(out, "\\%c", names[code - codes]);
    else
      json_write(out, "\\u%04x", (unsigned)(unsigned char)*string);
    string++;
  }
  json_write(out, "\"");
}

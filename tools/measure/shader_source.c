// shader_source.c: a shader's text with its includes put in.
#include "tools/measure/shader_source.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/file.h"

enum { SOURCE_BYTES = 4 << 20, MOST_DEPTH = 32 };

typedef struct include_file {
  const char *name;
  const unsigned char *text;
  size_t bytes;
} include_file;

// Written by the build: `static const include_file include_files[]`, one entry a file of shaders/*.h and glsl/*.glsl.
#include "shaders/includes.inc"

// A file that is being put in, and by whom.
typedef struct source_file {
  const struct source_file *includer;
  const char *name;     // as in `#include "shaders/NAME"`
  char path[PATH_MAX];  // as messages call it
} source_file;

typedef struct source {
  const char *directory;
  FILE *out;
  bool *vectors;
} source;

static mote_status put_file(const source *s, const source_file *file, const char *text, mote_error *error);

// GLSL's strings know no escapes, so what would end one is shown as '?'.
static void put_line(FILE *out, int line, const char *path) {
  fprintf(out, "#line %d \"", line);
  for (const char *c = path; *c; c++) putc(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '?' : *c, out);
  fputs("\"\n", out);
}

// Finds FILE of a line `#include "shaders/FILE"` or `#include "FILE"`.
static bool parse_include(const char *line, size_t length, char name[NAME_MAX + 1]) {
  static const char word[] = "include", folder[] = "shaders/";
  const char *end = line + length;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  if (line == end || *line++ != '#') return false;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  if ((size_t)(end - line) < sizeof word || memcmp(line, word, sizeof word - 1)) return false;
  line += sizeof word - 1;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  if (line == end || *line++ != '"') return false;
  if ((size_t)(end - line) >= sizeof folder && !memcmp(line, folder, sizeof folder - 1)) line += sizeof folder - 1;
  const char *quote = memchr(line, '"', (size_t)(end - line));
  if (!quote || quote == line || (size_t)(quote - line) > NAME_MAX) return false;
  memcpy(name, line, (size_t)(quote - line));
  name[quote - line] = 0;
  return true;
}

static const include_file *find_embedded(const char *name) {
  for (size_t i = 0; i < sizeof include_files / sizeof *include_files; i++)
    if (!strcmp(include_files[i].name, name)) return &include_files[i];
  return NULL;
}

// `*text` is NULL if there is no such file.
static mote_status read_text(const source *s, source_file *file, char **text, mote_error *error) {
  *text = NULL;
  int length = snprintf(file->path, sizeof file->path, "%s/%s", s->directory, file->name);
  if (length < 0 || (size_t)length >= sizeof file->path)
    return fail(error, MOTE_ERROR_FILE, "--shaders: %s/%s: name too long", s->directory, file->name);
  uint8_t *data;
  size_t bytes;
  mote_status status = file_read_regular(file->path, SOURCE_BYTES, &data, &bytes, file->includer ? NULL : error);
  if (!status) *text = (char *)data;
  if (!status || !file->includer) return status;
  const include_file *embedded = find_embedded(file->name);
  if (!embedded) return MOTE_OK;
  snprintf(file->path, sizeof file->path, "%s", file->name);
  *text = calloc(1, embedded->bytes + 1);
  if (!*text) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  memcpy(*text, embedded->text, embedded->bytes);
  return MOTE_OK;
}

// MOTE_ERROR_FORMAT where a file would be put into itself, or too deep.
static mote_status check_way(const source_file *includer, int line, const char *name, mote_error *error) {
  const source_file *way[MOST_DEPTH + 1];
  int depth = 0;
  bool again = false;
  for (const source_file *file = includer; file && depth <= MOST_DEPTH; file = file->includer) {
    way[depth++] = file;
    again |= !strcmp(file->name, name);
  }
  if (!again && depth <= MOST_DEPTH) return MOTE_OK;
  char text[256] = "";
  while (depth) {
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s > ", way[--depth]->name);
  }
  return fail(error, MOTE_ERROR_FORMAT, "--shaders: %s:%d: %s: %s%s", includer->path, line,
              again ? "a file includes itself" : "more than 32 files in one another", text, name);
}

// `*found` says whether the file is somewhere.
static mote_status put_include(const source *s, const source_file *includer, int line, const char *name, bool *found,
                               mote_error *error) {
  TRY(check_way(includer, line, name, error));
  if (!includer->includer && !strcmp(name, "glsl/vectors.glsl")) *s->vectors = true;
  source_file file = {.includer = includer, .name = name};
  char *text;
  TRY(read_text(s, &file, &text, error));
  *found = text;
  if (!text) return MOTE_OK;
  put_line(s->out, 1, file.path);
  mote_status status = put_file(s, &file, text, error);
  put_line(s->out, line + 1, includer->path);
  free(text);
  return status;
}

static mote_status put_file(const source *s, const source_file *file, const char *text, mote_error *error) {
  char name[NAME_MAX + 1];
  for (int line = 1; *text; line++) {
    size_t length = strcspn(text, "\n");
    bool included = false;
    if (parse_include(text, length, name)) TRY(put_include(s, file, line, name, &included, error));
    if (!included) fprintf(s->out, "%.*s\n", (int)length, text);
    // The first line that may be told of: nothing may stand before #version.
    if (!file->includer && !strncmp(text, "#version", 8)) put_line(s->out, line + 1, file->path);
    if (ftell(s->out) > SOURCE_BYTES)
      return fail(error, MOTE_ERROR_FORMAT, "--shaders: %s: with its includes longer than %d MiB", file->path, SOURCE_BYTES >> 20);
    text += length;
    if (*text) text++;
  }
  return MOTE_OK;
}

mote_status shader_source_read(const char *directory, const char *file, char **text, bool *vectors, mote_error *error) {
  size_t bytes;
  *text = NULL;
  *vectors = false;
  source s = {directory, open_memstream(text, &bytes), vectors};
  if (!s.out) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  source_file first = {.name = file};
  char *content;
  mote_status status = read_text(&s, &first, &content, error);
  if (!status) {
    status = put_file(&s, &first, content, error);
    free(content);
  }
  bool failed = ferror(s.out);
  if ((fclose(s.out) || failed) && !status) status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (status) {
    free(*text);
    *text = NULL;
  }
  return status;
}

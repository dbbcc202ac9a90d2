// shader_compile.c: compiles a folder of shaders at run time, with shaderc.
#include "tools/shader_compile.h"

#include <stdlib.h>

void shader_set_finish(shader_set *set) {
  for (size_t i = 0; i < set->count; i++) {
    free((void *)(uintptr_t)set->shaders[i].name);
    free((void *)(uintptr_t)set->shaders[i].words);
  }
  free(set->shaders);
  *set = (shader_set){0};
}

#ifdef MOTE_SHADERC

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <shaderc/shaderc.h>
#include <stdio.h>
#include <string.h>

#include "runtime/file.h"

enum { SOURCE_BYTES = 4 << 20 };

typedef struct include_file {
  const char *name;
  const unsigned char *text;
  size_t bytes;
} include_file;

// Written by the build: `static const include_file include_files[]`, one entry a file of shaders/*.h and *.glsl.
#include "shaders/includes.inc"

typedef struct compilation {
  const char *directory;
  shaderc_compiler_t compiler;
  shader_set *out;
} compilation;

// ---------------------------------------------------------------------------------------------------------------------
// Includes

static bool read_include(shaderc_include_result *result, const char *directory, const char *name) {
  char path[PATH_MAX];
  uint8_t *data;
  size_t bytes;
  int length = snprintf(path, sizeof path, "%s/%s", directory, name);
  if (length < 0 || (size_t)length >= sizeof path || file_read(path, SOURCE_BYTES, &data, &bytes, NULL)) return false;
  result->source_name = strdup(path);
  result->source_name_length = result->source_name ? strlen(result->source_name) : 0;
  result->content = (char *)data;
  result->content_length = bytes;
  return true;
}

static bool find_include(shaderc_include_result *result, const char *name) {
  for (size_t i = 0; i < sizeof include_files / sizeof *include_files; i++) {
    const include_file *file = &include_files[i];
    if (strcmp(file->name, name)) continue;
    char *copy = malloc(file->bytes + 1);
    if (!copy) return false;
    memcpy(copy, file->text, file->bytes);
    result->source_name = strdup(name);
    result->source_name_length = result->source_name ? strlen(result->source_name) : 0;
    result->content = copy;
    result->content_length = file->bytes;
    return true;
  }
  return false;
}

static shaderc_include_result *resolve(void *user, const char *requested, int type, const char *from, size_t depth) {
  const compilation *c = user;
  const char *prefix = "shaders/";
  (void)type;
  (void)from;
  (void)depth;
  const char *name = strncmp(requested, prefix, strlen(prefix)) ? requested : requested + strlen(prefix);
  shaderc_include_result *result = calloc(1, sizeof *result);
  if (!result || read_include(result, c->directory, name) || find_include(result, name)) return result;
  // An empty source name says that it failed, the content why.
  result->source_name = strdup("");
  result->content = strdup("neither in the folder nor among the embedded files");
  result->content_length = result->content ? strlen(result->content) : 0;
  return result;
}

static void release(void *user, shaderc_include_result *result) {
  (void)user;
  if (!result) return;
  free((void *)(uintptr_t)result->source_name);
  free((void *)(uintptr_t)result->content);
  free(result);
}

// ---------------------------------------------------------------------------------------------------------------------
// Compiling

// `name` is copied; the words are what `result` holds.
static mote_status add_shader(shader_set *set, const char *name, shaderc_compilation_result_t result, mote_error *error) {
  size_t bytes = shaderc_result_get_length(result);
  shader *grown = realloc(set->shaders, (set->count + 1) * sizeof *grown);
  if (!grown) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  set->shaders = grown;
  uint32_t *words = malloc(bytes);
  char *copy = strdup(name);
  if (!words || !copy) {
    free(words);
    free(copy);
    return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  memcpy(words, shaderc_result_get_bytes(result), bytes);
  grown[set->count++] = (shader){copy, words, bytes / 4};
  return MOTE_OK;
}

static mote_status compile(const compilation *c, const char *path, const char *text, size_t bytes, const char *name,
                           bool texels, mote_error *error) {
  shaderc_compile_options_t options = shaderc_compile_options_initialize();
  if (!options) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  shaderc_compile_options_set_target_env(options, shaderc_target_env_vulkan, shaderc_env_version_vulkan_1_2);
  shaderc_compile_options_set_include_callbacks(options, resolve, release, (void *)(uintptr_t)c);
  if (texels) shaderc_compile_options_add_macro_definition(options, "TEXELS", 6, NULL, 0);
  shaderc_compilation_result_t result =
      shaderc_compile_into_spv(c->compiler, text, bytes, shaderc_compute_shader, path, "main", options);
  mote_status status = MOTE_OK;
  if (!result) {
    status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  } else if (shaderc_result_get_compilation_status(result) != shaderc_compilation_status_success) {
    const char *message = shaderc_result_get_error_message(result);
    size_t length = strlen(message);
    while (length && message[length - 1] == '\n') length--;
    status = fail(error, MOTE_ERROR_FORMAT, "%.*s", (int)length, message);
  } else {
    status = add_shader(c->out, name, result, error);
  }
  if (result) shaderc_result_release(result);
  shaderc_compile_options_release(options);
  return status;
}

static mote_status compile_file(const compilation *c, const char *file, mote_error *error) {
  char path[PATH_MAX], name[NAME_MAX + 8];
  snprintf(path, sizeof path, "%s/%s", c->directory, file);
  snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(".comp")), file);
  if (!shader_find(name))
    return fail(error, MOTE_ERROR_USAGE, "--shaders: %s: there is no shader called %s to replace", path, name);
  uint8_t *text;
  size_t bytes;
  TRY(file_read(path, SOURCE_BYTES, &text, &bytes, error));
  mote_status status = compile(c, path, (char *)text, bytes, name, false, error);
  if (!status && strstr((char *)text, "shaders/vectors.glsl")) {
    strcat(name, "_texel");
    status = compile(c, path, (char *)text, bytes, name, true, error);
  }
  free(text);
  return status;
}

static int is_shader(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return length > 5 && strcmp(entry->d_name + length - 5, ".comp") == 0;
}

mote_status shader_set_compile(const char *directory, shader_set *out, mote_error *error) {
  *out = (shader_set){0};
  struct dirent **files;
  int count = scandir(directory, &files, is_shader, alphasort);
  if (count < 0) return fail(error, MOTE_ERROR_FILE, "--shaders: %s: %s", directory, strerror(errno));
  const compilation c = {directory, shaderc_compiler_initialize(), out};
  mote_status status = MOTE_OK;
  if (!c.compiler)
    status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  else if (!count)
    status = fail(error, MOTE_ERROR_FILE, "--shaders: %s: found no .comp file", directory);
  for (int i = 0; i < count; i++) {
    if (!status) status = compile_file(&c, files[i]->d_name, error);
    free(files[i]);
  }
  free(files);
  if (c.compiler) shaderc_compiler_release(c.compiler);
  if (status) shader_set_finish(out);
  return status;
}

#else

mote_status shader_set_compile(const char *directory, shader_set *out, mote_error *error) {
  (void)directory;
  *out = (shader_set){0};
  return fail(error, MOTE_ERROR_UNSUPPORTED,
              "--shaders: this mote was built without shaderc: install libshaderc_combined.a and its headers (on Debian, "
              "libshaderc-dev), configure and build again");
}

#endif

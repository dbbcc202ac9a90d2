// shader_compile.c: compiles a folder of shaders at run time, with the compiler that the build took for the embedded ones:
// glslc of shaderc, a process for each shader.
#include "tools/measure/shader_compile.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/list.h"
#include "tools/measure/shader_source.h"

extern char **environ;

// What glslc reads and writes: files without a name, so that nothing has to be read while something is written.
typedef struct compiler_files {
  FILE *source, *words, *messages;
} compiler_files;

void shader_set_finish(shader_set *set) {
  for (size_t i = 0; i < set->count; i++) {
    free((void *)(uintptr_t)set->shaders[i].name);
    free((void *)(uintptr_t)set->shaders[i].words);
  }
  free(set->shaders);
  *set = (shader_set){0};
}

// ---------------------------------------------------------------------------------------------------------------------
// One shader

static mote_status files_failed(mote_error *error) {
  return fail(error, MOTE_ERROR_FILE, "--shaders: a temporary file: %s", strerror(errno));
}

static void files_finish(compiler_files *files) {
  if (files->source) fclose(files->source);
  if (files->words) fclose(files->words);
  if (files->messages) fclose(files->messages);
}

static mote_status files_init(compiler_files *files, const char *text, mote_error *error) {
  *files = (compiler_files){.source = tmpfile()};
  if (files->source) files->words = tmpfile();
  if (files->words) files->messages = tmpfile();
  if (files->messages && fputs(text, files->source) >= 0 && !fflush(files->source) && !fseek(files->source, 0, SEEK_SET))
    return MOTE_OK;
  mote_status status = files_failed(error);
  files_finish(files);
  return status;
}

// Waits for glslc; `*code` is its wait status.
static mote_status run_glslc(const compiler_files *files, char *define, int *code, mote_error *error) {
  char *const arguments[] = {"glslc", "--target-env=vulkan1.2", "-fshader-stage=comp", "-o", "-", define, "-", NULL};
  posix_spawn_file_actions_t actions;
  pid_t process;
  int fault = posix_spawn_file_actions_init(&actions);
  if (fault) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  fault = posix_spawn_file_actions_adddup2(&actions, fileno(files->source), STDIN_FILENO);
  if (!fault) fault = posix_spawn_file_actions_adddup2(&actions, fileno(files->words), STDOUT_FILENO);
  if (!fault) fault = posix_spawn_file_actions_adddup2(&actions, fileno(files->messages), STDERR_FILENO);
  if (!fault) fault = posix_spawnp(&process, arguments[0], &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (fault == ENOENT)
    return fail(error, MOTE_ERROR_UNSUPPORTED,
                "--shaders: there is no glslc in PATH: install it (on Debian, glslc; elsewhere with shaderc)");
  if (fault) return fail(error, MOTE_ERROR_UNSUPPORTED, "--shaders: glslc: %s", strerror(fault));
  while (waitpid(process, code, 0) < 0)
    if (errno != EINTR) return fail(error, MOTE_ERROR_UNSUPPORTED, "--shaders: glslc: %s", strerror(errno));
  return MOTE_OK;
}

// All that is in `file`, with a zero byte after it that is not counted.
static mote_status read_back(FILE *file, char **data, size_t *bytes, mote_error *error) {
  long end = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
  if (end < 0) return files_failed(error);
  *bytes = (size_t)end;
  *data = calloc(1, *bytes + 1);
  if (!*data) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  rewind(file);
  if (fread(*data, 1, *bytes, file) == *bytes) return MOTE_OK;
  free(*data);
  return files_failed(error);
}

// glslc's messages, which begin with file and line.
static mote_status refuse(const compiler_files *files, const char *path, int code, mote_error *error) {
  static const char nameless[] = "<stdin>";  // what stands before #version
  char *text;
  size_t length;
  TRY(read_back(files->messages, &text, &length, error));
  while (length && text[length - 1] == '\n') text[--length] = 0;
  mote_status status;
  if (WIFSIGNALED(code))
    status = fail(error, MOTE_ERROR_FORMAT, "--shaders: %s: glslc ended by signal %d", path, WTERMSIG(code));
  else if (strncmp(text, nameless, sizeof nameless - 1))
    status = fail(error, MOTE_ERROR_FORMAT, "%s", length ? text : "--shaders: glslc failed without a word");
  else
    status = fail(error, MOTE_ERROR_FORMAT, "%s%s", path, text + sizeof nameless - 1);
  free(text);
  return status;
}

// `name` is copied; the words are what glslc wrote.
static mote_status add_shader(shader_set *set, const char *name, FILE *words, mote_error *error) {
  char *data;
  size_t bytes;
  TRY(read_back(words, &data, &bytes, error));
  char *copy = LIST_ROOM(set->shaders, set->count) ? strdup(name) : NULL;
  if (copy) {
    set->shaders[set->count++] = (shader){copy, (uint32_t *)(void *)data, bytes / 4};
    return MOTE_OK;
  }
  free(data);
  free(copy);
  return fail(error, MOTE_ERROR_MEMORY, "out of memory");
}

static mote_status compile(shader_set *set, const char *path, const char *text, const char *name, char *define,
                           mote_error *error) {
  compiler_files files;
  int code;
  TRY(files_init(&files, text, error));
  mote_status status = run_glslc(&files, define, &code, error);
  if (!status) status = code ? refuse(&files, path, code, error) : add_shader(set, name, files.words, error);
  files_finish(&files);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// A folder of them

static mote_status compile_file(shader_set *set, const char *directory, const char *file, mote_error *error) {
  char path[PATH_MAX], name[NAME_MAX + 8];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(".comp")), file);
  if (!shader_find(name))
    return fail(error, MOTE_ERROR_USAGE, "--shaders: %s: there is no shader called %s to replace", path, name);
  char *text, no_define[] = "-O0", texels[] = "-DTEXELS";  // not optimised: as in the build
  bool vectors;
  TRY(shader_source_read(directory, file, &text, &vectors, error));
  mote_status status = compile(set, path, text, name, no_define, error);
  if (!status && vectors) {
    strcat(name, "_texel");
    status = compile(set, path, text, name, texels, error);
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
  mote_status status = MOTE_OK;
  if (!count) status = fail(error, MOTE_ERROR_FILE, "--shaders: %s: found no .comp file", directory);
  for (int i = 0; i < count; i++) {
    if (!status) status = compile_file(out, directory, files[i]->d_name, error);
    free(files[i]);
  }
  free(files);
  if (status) shader_set_finish(out);
  return status;
}

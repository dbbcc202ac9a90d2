// options.c: reads a command's options: the shared ones, strict numbers, and errors that name option and range.
#include "graph/ops/kernel_names.h"
#include "tools/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/nets/settings.h"
#include "runtime/error.h"
#include "runtime/list.h"
#include "runtime/number.h"
#include "tools/command.h"

enum {
  COMMON_DEVICE = OPTIONS_COMMON,
  COMMON_CACHE,
  COMMON_MEMORY,
  COMMON_JSON,
  COMMON_VERBOSE,
  COMMON_VALIDATION,
  COMMON_SEPARATE_BUFFERS,
  COMMON_KERNELS,
  COMMON_TUNE,
  COMMON_PLAIN_KERNELS,
  COMMON_HELP,
};

// popt takes its tables as mutable, but writes to none whose options have no `arg`.
static const struct poptOption common_table[] = {
    {"device", 0, POPT_ARG_STRING, NULL, COMMON_DEVICE,
     "index, UUID or part of the name (default: the best GPU, else a CPU driver)", "D"},
    {"cache", 0, POPT_ARG_STRING, NULL, COMMON_CACHE,
     "keep compiled pipelines there, \"none\": nowhere (default: $XDG_CACHE_HOME/mote or ~/.cache/mote)", "DIR"},
    {"memory", 0, POPT_ARG_STRING, NULL, COMMON_MEMORY, "device memory to take at most (default: what there is)", "MIB"},
    {"json", 0, POPT_ARG_NONE, NULL, COMMON_JSON, "print one JSON object a line on standard output", NULL},
    {"verbose", 'v', POPT_ARG_NONE, NULL, COMMON_VERBOSE, "also print what the device does: dispatches, memory, every case", NULL},
    {"validation", 0, POPT_ARG_NONE, NULL, COMMON_VALIDATION,
     "load the Khronos validation layer; whatever it reports is an error", NULL},
    {"separate-buffers", 0, POPT_ARG_NONE, NULL, COMMON_SEPARATE_BUFFERS,
     "one buffer a tensor, so that validation sees every overrun", NULL},
    {"kernels", 0, POPT_ARG_STRING, NULL, COMMON_KERNELS,
     "auto, plain (the simplest kernel of every op), texel (for CPU drivers), tiled (for GPUs) or matrix (tiled, but convolutions "
     "and their gradients in half precision, on cooperative matrices where DEVICE has them); or kernels by name, to be taken wherever they fit", "CLASS|NAME,..."},
    {"tune", 0, POPT_ARG_STRING, NULL, COMMON_TUNE,
     "time kernels where several can do the work, once for each device: off, fast (some seconds; only between kernels that give "
     "the same bits) or full (default fast)", "HOW"},
    {"plain-kernels", 0, POPT_ARG_NONE, NULL, COMMON_PLAIN_KERNELS, "the same as --kernels plain", NULL},
    POPT_TABLEEND,
};

static const struct poptOption help_table[] = {
    {"help", 'h', POPT_ARG_NONE, NULL, COMMON_HELP, "print this", NULL},
    POPT_TABLEEND,
};

mote_status options_init(options *o, const options_desc *desc, int argc, const char **argv, mote_error *error) {
  *o = (options){.desc = desc, .exit_code = COMMAND_USAGE, .common.tune = MOTE_TUNE_FAST};
  struct poptOption *table = o->tables;  // a command without options of its own shows no empty heading
  if (desc->table->longName || desc->table->shortName)
    *table++ = (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desc->table, 0, "Options:", NULL};
  if (desc->further)
    *table++ = (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desc->further, 0, desc->further_title, NULL};
  *table++ =
      (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)common_table, 0, "Every command's options:", NULL};
  *table++ = (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)help_table, 0, "Help:", NULL};
  *table = (struct poptOption)POPT_TABLEEND;
  o->context = poptGetContext(NULL, argc, argv, o->tables, 0);
  if (!o->context) return fail(error, MOTE_ERROR_MEMORY, "no memory to read the options");
  return MOTE_OK;
}

void options_finish(options *o) {
  for (size_t i = 0; i < o->owned_count; i++) free(o->owned[i]);
  free(o->owned);
  if (o->context) poptFreeContext(o->context);
  *o = (options){0};
}

// popt prints the words of a table well, but its first line would begin with the bare command's name.
static void print_help(options *o) {
  print("Usage: mote %s %s\n\n", o->desc->name, o->desc->usage);
  char *text = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&text, &bytes);
  if (!stream) return;
  poptPrintHelp(o->context, stream, 0);
  fclose(stream);
  const char *tables = text ? strchr(text, '\n') : NULL;
  while (tables && *tables == '\n') tables++;
  if (tables) print_help_text(stdout, tables);
  if (o->desc->notes) print("\n"), print_help_text(stdout, o->desc->notes);
  free(text);
}

static mote_status keep_argument(options *o, char *argument, mote_error *error) {
  if (!LIST_ROOM(o->owned, o->owned_count)) {
    free(argument);
    return fail(error, MOTE_ERROR_MEMORY, "no memory to read the options");
  }
  o->owned[o->owned_count++] = argument;
  return MOTE_OK;
}

const char *const kernel_names[] = {[MOTE_KERNELS_AUTO] = "auto",   [MOTE_KERNELS_PLAIN] = "plain",   [MOTE_KERNELS_TEXEL] = "texel",
                                    [MOTE_KERNELS_TILED] = "tiled", [MOTE_KERNELS_MATRIX] = "matrix", NULL};

const char *kernels_text(const common_options *common) {
  return common->kernel_list ? common->kernel_list : kernel_names[common->kernels];
}

mote_status kernels_take(common_options *common, const char *text, mote_error *error) {
  int class = 0;
  mote_error no_class;
  mote_status status = option_choice("--kernels", text, kernel_names, &class, &no_class);
  const char *unknown = status ? kernel_names_unknown(text) : NULL;
  if (unknown)
    return fail(error, MOTE_ERROR_USAGE, "%s, or kernels by name, such as conv_tiled,linear: there is no \"%.*s\"", no_class.message,
                (int)strcspn(unknown, ","), unknown);
  common->kernels = (mote_kernels)class;
  common->kernel_list = status ? text : NULL;
  return MOTE_OK;
}

static mote_status take_tune(options *o, const char *argument, mote_error *error) {
  static const char *const modes[] = {"off", "fast", "full", NULL};  // as in mote_tune
  int tune = 0;
  TRY(option_choice("--tune", argument, modes, &tune, error));
  o->common.tune = (mote_tune)tune;
  o->common.tune_given = true;
  return MOTE_OK;
}

// `*taken`: `value` was a shared option, and reading goes on.
static mote_status take_common(options *o, int value, const char *argument, bool *taken, mote_error *error) {
  *taken = true;
  switch (value) {
    case COMMON_DEVICE: o->common.device = argument; break;
    case COMMON_CACHE: o->common.cache = argument; break;
    case COMMON_MEMORY: return option_double("--memory", argument, 0.001, 1e9, &o->common.memory, error);
    case COMMON_JSON: o->common.json = true; break;
    case COMMON_VERBOSE: o->common.verbose = true; break;
    case COMMON_VALIDATION: o->common.validation = true; break;
    case COMMON_SEPARATE_BUFFERS: o->common.separate_buffers = true; break;
    case COMMON_KERNELS: return kernels_take(&o->common, argument, error);
    case COMMON_TUNE: return take_tune(o, argument, error);
    case COMMON_PLAIN_KERNELS: return kernels_take(&o->common, "plain", error);
    default: *taken = false;
  }
  return MOTE_OK;
}

static const char *option_name(const options *o, int value) {
  const struct poptOption *const tables[] = {o->desc->table, common_table, o->desc->further};
  for (int i = 0; i < 3; i++)
    for (const struct poptOption *option = tables[i]; option && (option->longName || option->shortName); option++)
      if (option->val == value && option->longName) return option->longName;
  return "?";
}

int options_next(options *o, const char **argument) {
  for (;;) {
    int value = poptGetNextOpt(o->context);
    if (value == -1) return OPTIONS_END;
    *argument = NULL;
    if (value < -1) {
      say("%s: %s; `mote %s --help` lists the options", poptBadOption(o->context, POPT_BADOPTION_NOALIAS),
          value == POPT_ERROR_NOARG    ? "expected an argument, found none"
          : value == POPT_ERROR_BADOPT ? "unknown option"
                                       : poptStrerror(value),
          o->desc->name);
      return OPTIONS_STOP;
    }
    if (value == COMMON_HELP) {
      print_help(o);
      o->exit_code = COMMAND_DONE;
      return OPTIONS_STOP;
    }
    char *text = poptGetOptArg(o->context);
    mote_error error;
    if (text && keep_argument(o, text, &error)) {
      o->exit_code = report(&error);
      return OPTIONS_STOP;
    }
    if (text && !*text) {
      say("--%s: found an empty argument", option_name(o, value));
      return OPTIONS_STOP;
    }
    *argument = text;
    bool taken = false;
    if (take_common(o, value, text, &taken, &error)) {
      o->exit_code = report(&error);
      return OPTIONS_STOP;
    }
    if (!taken) return value;
  }
}

const char *options_word(options *o) { return poptGetArg(o->context); }

mote_status options_no_more_words(options *o, mote_error *error) {
  const char *word = poptGetArg(o->context);
  if (!word) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "found \"%s\", expected nothing there: mote %s %s", word, o->desc->name,
              o->desc->usage);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

mote_status option_int(const char *option, const char *text, int minimum, int maximum, int *value, mote_error *error) {
  char *end = NULL;
  errno = 0;
  long parsed = is_digit(text[text[0] == '-']) ? strtol(text, &end, 10) : 0;
  if (!end || *end || errno || parsed < minimum || parsed > maximum)
    return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected a whole number from %d to %d", option, text,
                minimum, maximum);
  *value = (int)parsed;
  return MOTE_OK;
}

mote_status option_uint64(const char *option, const char *text, uint64_t maximum, uint64_t *value, mote_error *error) {
  char *end = NULL;
  errno = 0;
  unsigned long long parsed = is_digit(text[0]) ? strtoull(text, &end, 10) : 0;
  if (!end || *end || errno || parsed > maximum)
    return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected a whole number from 0 to %" PRIu64, option, text,
                maximum);
  *value = parsed;
  return MOTE_OK;
}

mote_status option_double(const char *option, const char *text, double minimum, double maximum, double *value,
                          mote_error *error) {
  const char *end = NULL;
  double parsed = 0;
  if (!number_parse(text, &end, &parsed) || *end || parsed < minimum || parsed > maximum)
    return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected a number from %g to %g", option, text, minimum,
                maximum);
  *value = parsed;
  return MOTE_OK;
}

bool size_parse(const char *text, int least, int most, int size[2]) {
  for (int i = 0; i < 2; i++) {
    char *end = NULL;
    const long number = is_digit(*text) ? strtol(text, &end, 10) : -1;
    if (number < least || number > most || (*text == '0' && end != text + 1)) return false;
    size[i] = (int)number;
    if (i == 0 && !*end) size[1] = size[0];
    if (!*end) return true;
    if (*end != 'x') return false;
    text = end + 1;
  }
  return false;
}

mote_status option_size(const char *option, const char *text, int least, int most, int size[2], mote_error *error) {
  int found[2];
  if (!size_parse(text, least, most, found))
    return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected %d to %d pixels, such as 16, or 16x24 across and down", option, text,
                least, most);
  size[0] = found[0];
  size[1] = found[1];
  return MOTE_OK;
}

mote_status option_setting(const char *option, const char *text, const network_setting *setting, setting_value *value,
                           mote_error *error) {
  if (setting_parse(setting, text, value) && setting_in_range(setting, value)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected %s", option, text, setting_range(setting).text);
}

mote_status option_choice(const char *option, const char *text, const char *const *choices, int *value,
                          mote_error *error) {
  char list[256] = "";
  for (int i = 0; choices[i]; i++) {
    if (!strcmp(text, choices[i])) {
      *value = i;
      return MOTE_OK;
    }
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", choices[i]);
  }
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected one of: %s", option, text, list);
}

int report(const mote_error *error) {
  say("%s", error->message[0] ? error->message : "failed without a message");
  return error->status == MOTE_ERROR_USAGE ? COMMAND_USAGE : COMMAND_FAILED;
}

int options_run(options *options, const options_work *work, int argc, const char **argv) {
  mote_error error;
  const char *argument = NULL;
  int value = 0, exit_code = COMMAND_DONE;
  mote_status status = options_init(options, work->desc, argc, argv, &error);
  while (!status && (value = options_next(options, &argument)) > 0) status = work->take(options, value, argument, &error);
  if (!status && value == OPTIONS_STOP) {
    exit_code = options->exit_code;
  } else {
    if (!status) status = work->check ? work->check(options, &error) : options_no_more_words(options, &error);
    if (!status) status = work->run(options, &exit_code, &error);
    if (status) exit_code = report(&error);
  }
  options_finish(options);
  return exit_code;
}

// options.h: reads a command's options: the shared ones, strict numbers, and errors that name option and range.
#ifndef MOTE_TOOLS_OPTIONS_H
#define MOTE_TOOLS_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stdint.h>

#include "mote.h"
#include "tools/say.h"

// What every command understands. Strings live until options_finish.
typedef struct common_options {
  const char *device;  // --device; NULL: the library chooses
  const char *cache;   // --cache; NULL: the user's cache folder
  double memory;       // --memory, in MiB; 0: what there is
  bool json;           // --json
  bool verbose;        // --verbose
  bool validation;     // --validation
  bool separate_buffers;  // --separate-buffers
  mote_tune tune;        // --tune; without it nothing is tuned where nothing would be kept
  bool tune_given;
  mote_kernels kernels;  // --kernels; --plain-kernels is its older spelling
  const char *kernel_list;  // kernels that --kernels names in place of a class; NULL: none
} common_options;

// A number of a macro, as texts of help have it.
#define NUMBER_TEXT(number) NUMBER_TEXT_OF(number)
#define NUMBER_TEXT_OF(number) #number

// Of --kernels, in the order of mote_kernels; NULL-terminated.
extern const char *const kernel_names[];

// What --kernels was given, and taking it: a class, or kernels by their names. `text` must live as long as the options.
const char *kernels_text(const common_options *common);
mote_status kernels_take(common_options *common, const char *text, mote_error *error);

// What a command says about itself.
typedef struct options_desc {
  const char *name;                // "sample"
  const char *usage;               // what follows the name, e.g. "[MODEL] -o out.png [OPTION...]"
  const char *notes;               // printed below the options: an example, and what a table has no room for
  const struct poptOption *table;  // values from 1 to OPTIONS_COMMON - 1; arguments as POPT_ARG_STRING or _NONE
  const struct poptOption *further;  // those that stand under a title of their own, with values of the same kind; NULL: none
  const char *further_title;
} options_desc;

enum { OPTIONS_END = 0, OPTIONS_STOP = -1, OPTIONS_COMMON = 1000 };

typedef struct options {
  common_options common;
  int exit_code;  // set when options_next returned OPTIONS_STOP
  const options_desc *desc;
  poptContext context;
  struct poptOption tables[5];  // the command's, the shared ones, --help
  char **owned;                 // arguments of options, released by options_finish
  size_t owned_count;
} options;

// Includes the shared options in `options`. `argv` and `desc` must outlive it.
mote_status options_init(options *options, const options_desc *desc, int argc, const char **argv, mote_error *error);
void options_finish(options *options);

// The next of the command's own options: its value from the table, with `*argument` (NULL for one without) living
// until options_finish. OPTIONS_END after the last. OPTIONS_STOP when the command should return options->exit_code at
// once: --help was printed, or an error was.
int options_next(options *options, const char **argument);

// After OPTIONS_END: the next word that is no option, or NULL.
const char *options_word(options *options);

// Fails with MOTE_ERROR_USAGE when a word is left.
mote_status options_no_more_words(options *options, mote_error *error);

// What a command is made of; `options` is the first member of its own struct.
typedef struct options_work {
  const options_desc *desc;
  mote_status (*take)(options *options, int value, const char *argument, mote_error *error);  // one of its own; NULL: it has none
  mote_status (*check)(options *options, mote_error *error);  // takes its words, and misses what must be given; NULL: it has no words
  mote_status (*run)(options *options, int *exit_code, mote_error *error);  // *exit_code is COMMAND_DONE unless changed
} options_work;

// Reads all options, runs the command, says what failed; returns the exit code.
int options_run(options *options, const options_work *work, int argc, const char **argv);

// Numbers, strictly: nothing before or after the digits, in the range, or MOTE_ERROR_USAGE.
mote_status option_int(const char *option, const char *text, int minimum, int maximum, int *value, mote_error *error);
mote_status option_uint64(const char *option, const char *text, uint64_t maximum, uint64_t *value, mote_error *error);
mote_status option_double(const char *option, const char *text, double minimum, double maximum, double *value,
                          mote_error *error);

// `N` or `WxH`: pixels across and down, which N is both of. False: something else, or out of the range.
bool size_parse(const char *text, int least, int most, int size[2]);
mote_status option_size(const char *option, const char *text, int least, int most, int size[2], mote_error *error);

// A setting of a network, in its range.
struct network_setting;
struct setting_value;
mote_status option_setting(const char *option, const char *text, const struct network_setting *setting,
                           struct setting_value *value, mote_error *error);

// The position of `text` among `choices` (NULL-terminated), or MOTE_ERROR_USAGE that lists them.
mote_status option_choice(const char *option, const char *text, const char *const *choices, int *value,
                          mote_error *error);

// Prints the message as `mote: ...` on stderr and returns the exit code that fits.
int report(const mote_error *error);

#endif

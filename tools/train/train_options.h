// train_options.h: what `mote train` was asked for, described by one table that options, settings.json and --resume
// share.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_OPTIONS_H
#define MOTE_TOOLS_TRAIN_TRAIN_OPTIONS_H

#include <cjson/cJSON.h>

#include "mote.h"
#include "tools/data/dataset.h"
#include "tools/options.h"
#include "tools/train/train_network.h"

#define TRAIN_SETTINGS_MAX 96

typedef enum train_alpha { ALPHA_STRAIGHT, ALPHA_PREMULTIPLIED } train_alpha;  // as metadata_alphas

typedef enum setting_kind {
  SETTING_INT,     // int
  SETTING_SIZE,    // int[2], pixels across and down
  SETTING_UINT64,  // uint64_t
  SETTING_DOUBLE,  // double
  SETTING_CHOICE,  // int, an index of `choices`
  SETTING_TEXT,    // const char *
  SETTING_PATH,    // const char *, a file that is read
  SETTING_FLAG,    // bool
  SETTING_NETWORK, // char[], a setting of the network; "": open
} setting_kind;

typedef enum setting_role {
  SETTING_FIXED,  // stored; a run that goes on must have the same
  SETTING_FREE,   // stored; may change when a run goes on
  SETTING_LOCAL,  // of this command line only
} setting_role;

typedef struct train_setting {
  const char *name;  // of the option and in settings.json
  char letter;       // of the option, or 0
  setting_kind kind;
  setting_role role;
  size_t offset;  // in train_options
  double minimum, maximum;
  const char *const *choices;  // NULL-terminated
  const char *argument, *help;
  bool later;  // runs that mote 0.1.0 began lack it in settings.json, and meant its default
  bool one_by_one;  // a setting of a network that has short forms
} train_setting;

typedef struct train_options {
  options base;               // owns the strings below, but for those from `earlier`
  const char *data, *output;  // DATA (NULL: the default sheet) and -o
  bool resume, force, half;
  int channels, batch, accumulate, timesteps, shift, warmup;  // channels 0: not settled yet
  int size[2], resize[2];                                             // 0: not given
  int lr_schedule, target, schedule;                                          // mote_lr_schedule and so on
  double beta_start, beta_end;
  int alpha;                                                                  // train_alpha
  train_network network;
  int steps, sample_every, save_every;                                        // not given: 0, -1, 0
  uint64_t seed;
  double epochs, minutes;  // 0: not given
  double learning_rate, weight_decay, ema, clip, context_drop, min_snr, flip, holdout;
  int distill_steps;                                         // 0: not given
  double teacher_guidance;
  const char *start, *teacher;  // NULL: not given
  const char *tile, *spacing, *margin, *classes, *labels, *contexts, *attributes, *arrays, *crop, *pad, *background;  // NULL: not given
  int range;                                                                                  // dataset_range
  dataset_desc dataset;                              // of the above, read
  bool given[TRAIN_SETTINGS_MAX];                    // on this command line
  cJSON *earlier;                                    // settings.json of the run that goes on, or NULL; owned
  cJSON *found_files;                                // in it: where its files are now
  options_desc desc;
  struct poptOption table[TRAIN_SETTINGS_MAX + 1], one_by_one[NETWORK_OPTIONS + 1];
  train_setting settings[TRAIN_SETTINGS_MAX];  // train_settings, and those of the networks
  int setting_count;
} train_options;

// Those that every network has, which options->settings hold too.
extern const train_setting train_settings[];
extern const int train_setting_count;

// Reads the command line. Returns true to go on, false when the command should return `*exit_code`.
// train_options_finish is due either way.
bool train_options_init(train_options *options, int argc, const char **argv, int *exit_code);
void train_options_finish(train_options *options);

// What is asked for where no option is given.
void train_options_default(train_options *options);

// Checks what belongs together, and fills options->dataset; once settings of an earlier run are known.
mote_status train_options_check(train_options *options, mote_error *error);

// Whether the option of this name stood on this command line.
bool train_option_given(const train_options *options, const char *name);

// Where a setting is kept.
void *train_setting_value(const train_options *options, const train_setting *setting);

#endif

// network.h: what a network is: a record, from which everything else follows. nets.def lists those that mote has.
#ifndef MOTE_GRAPH_NETS_NETWORK_H
#define MOTE_GRAPH_NETS_NETWORK_H

#include "graph/ir/graph.h"

typedef enum setting_type {
  VALUE_INT,
  VALUE_DOUBLE,
  VALUE_BOOL,    // "true" or "false"
  VALUE_CHOICE,  // one of `choices`
} setting_type;

// One row tells a setting to all who deal with it: metadata are written, read and checked by it, `mote train` makes an option of
// it, and `mote info` a line.
typedef struct network_setting {
  const char *name;  // in metadata and --json; of the option, with - for _
  setting_type type;
  int most;      // of a list: how many at most, separated by commas; 0: it is one value
  bool of_data;  // follows from the images and their classes: `mote train` has no option for it
  size_t field;  // offset of an int in mote_model_info; 0: it stands in the text `settings` there
  double low, high;
  int multiple;                        // of which an int must be one; 0: any
  const char *const *choices;          // NULL-terminated
  const char *usual, *usual_on_cpu;    // as metadata says it; the second for `mote train` on a CPU driver, NULL: the same
  const char *like;                    // name of the setting before it whose value it has where it is 0, and where a file lacks it
  const char *tensor;                  // a file without metadata: the value is dimension `dim` of this one, times `factor`
  int dim, factor;
  const char *title, *argument, *help; // of the line and the option
  // For the line: what the value comes to, where it does not say so itself. NULL: it does.
  void (*describe)(const mote_model_info *info, char *text, size_t bytes);
} network_setting;

// A short way to say settings, which `mote train` makes an option of too.
typedef struct network_form {
  const char *name, *argument, *help;  // as of a setting
  const char *setting;                 // the one that it is another name of; NULL: `put` knows
  // Puts the settings that `text` stands for into `info`, which has the images' size and the settings that were told. False: `why` is
  // what was expected instead.
  bool (*put)(mote_model_info *info, const char *text, char *why, size_t bytes);
} network_form;

// Settings that every network has, as mote_model_info does: what tells them in a file is the network's own.
#define SETTING_CHANNELS .name = "channels", .of_data = true, .field = offsetof(mote_model_info, channels), .low = 1, .high = 4
#define SETTING_HEIGHT .name = "height", .of_data = true, .field = offsetof(mote_model_info, height), .low = 4, .high = 256
#define SETTING_WIDTH \
  .name = "width", .of_data = true, .field = offsetof(mote_model_info, width), .low = 4, .high = 256, .like = "height"
#define SETTING_CONTEXT \
  .name = "n_cfeat", .of_data = true, .field = offsetof(mote_model_info, n_cfeat), .low = 1, .high = MOTE_MAX_CONTEXT
#define SETTING_FEATURES \
  .name = "n_feat", .field = offsetof(mote_model_info, n_feat), .low = 8, .high = 1024, .multiple = 8, .title = "features", \
  .argument = "F", .help = "features of the network, a multiple of 8"

typedef struct network_inputs {
  tensor *x;        // (N, C, h, w)
  tensor *time;     // (N, 1, 1, 1): t/T, or t - 1, of each image; with `step`, (steps, 1, 1, 1): of each step
  tensor *context;  // (N, K, 1, 1); of a network that takes none, which has K = 0, (N, 1, 1, 1)
  tensor *step;     // the step buffer: all images are at the current step, and embeddings are made once; or NULL
  bool train;       // BatchNorm by the batch's own statistics
  tensor *state, *drawn;  // in training, of draw_batch: its state and which images it took, for dropout; NULL: nothing is dropped
} network_inputs;

typedef struct network_outputs {
  tensor *y;         // (N, out_channels, h, w); of a classifier logits, (N, K, 1, 1)
  tensor *features;  // of a classifier: what the logits are linear in, (N, F, 1, 1); else NULL
} network_outputs;

typedef struct mote_network network;
struct mote_network {
  const char *name;  // in metadata, options and messages
  bool counts_from_0;  // callers' timesteps are 0 … T - 1, and `time` is that; else 0 … T, and `time` is t/T
  bool classifies;   // tells which class an image is of, from x alone; else makes of a noised image what mote_prediction says
  const network_setting *settings;  // up to one without a name
  const network_form *forms;           // the same; NULL: none
  // What a setting is unless told, where that follows from `given`: the images' size and the settings that were told. NULL, or an answer
  // of false: as its row says.
  bool (*usual)(const mote_model_info *given, const network_setting *setting, bool on_cpu, char *text, size_t bytes);
  // Why these settings do not go together, each in its range by itself: a sentence's end such as "width is 8, expected …", written
  // to `text`. True: they do. NULL: they always do.
  bool (*check)(const mote_model_info *info, char *text, size_t bytes);
  // Appends the network to the graph. NULL in `y`: something failed, and the graph has the message.
  network_outputs (*build)(graph *graph, const mote_model_info *info, const network_inputs *inputs);
};

#define NETWORK(name) extern const network name##_network;
#include "graph/nets/nets.def"
#undef NETWORK

// Those of nets.def, in its order; NULL past the last.
const network *network_at(int index);

// Their names up to a NULL.
extern const char *const network_names[];

// "a context_unet": those that tell classes apart, or make images.
typedef struct network_list {
  char text[160];
} network_list;
network_list network_list_of(bool classifies);

// The one of this name, the first for ""; NULL: there is none.
const network *network_find(const char *name);

// The network that `info` describes: one of its own, or the one that `architecture` names; NULL: there is none.
const network *network_of(const mote_model_info *info);

// (N, C, h, w) of `batch` of its images, and how many numbers one of them is; then the same of what it makes of them.
shape network_image_shape(const mote_model_info *info, int batch);
size_t network_image_size(const mote_model_info *info);
shape network_output_shape(const mote_model_info *info, int batch);
size_t network_output_size(const mote_model_info *info);

// Fails with MOTE_ERROR_UNSUPPORTED unless it makes of noise, and learns from, images that the device's ops draw and update.
mote_status network_check_images(const mote_model_info *info, mote_error *error);

// Numbers of a context as it is handed on: n_cfeat, or one that is not looked at.
int network_context_count(const mote_model_info *info);

// The timestep 0 … T of a schedule, 0 being the image, that a caller's `step` is.
int network_timestep(const mote_model_info *info, int step);

// The inputs that it takes, made for `batch` images.
network_inputs network_make_inputs(graph *graph, const mote_model_info *info, int batch, bool train);
network_outputs network_build(graph *graph, const mote_model_info *info, const network_inputs *inputs);

#endif

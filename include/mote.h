// mote.h: train small image diffusion models and sample from them on any Vulkan 1.2 device.
//
// Do this:
//
//     mote_error error;
//     mote_device *device = NULL;
//     mote_model *model = NULL;
//     mote_sampler *sampler = NULL;
//     if (mote_device_create(&(mote_device_desc){0}, &device, &error) ||
//         mote_model_load_file(device, "sprites.safetensors", &model, &error) ||
//         mote_sampler_create(&(mote_sampler_desc){.model = model, .batch = 4, .steps = 20}, &sampler, &error) ||
//         mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 7}, &error) ||
//         mote_sampler_run(sampler, 20, &error))
//       puts(error.message);
//     else
//       mote_sampler_read_pixels(sampler, pixels, &error);   // 4 images, height × width × channels bytes each
//     mote_sampler_destroy(&sampler);
//     mote_model_destroy(&model);
//     mote_device_destroy(&device);
//
// What it does not do: print, exit, read the environment, start a thread, or keep global state. Everything that it
// makes hangs off a mote_device. A device and what was made on it may be used by one thread at a time; two devices
// are independent of each other.
//
// Inside a program that has a Vulkan device of its own, such as a game: mote_vulkan.h and docs/embedding.md.
//
// ABI: while the major version is 0, description structs may grow with the minor version, and the shared library's
// soname carries both numbers. Versions that differ in the last number alone are compatible. mote_version gives the
// library's, MOTE_VERSION this header's.
//
// Conventions: a description struct filled with zeros asks for the documented defaults. Fallible functions return a
// mote_status. Where `error` is not NULL, a failure fills it with one sentence that names what was wrong, what was found
// and what was expected, and a success clears it. NULL for something that must be given is MOTE_ERROR_USAGE. On failure
// output pointers are left NULL. `destroy` functions accept a pointer to NULL and set the pointer to NULL. Destroy
// samplers before their model, models before their device.
#ifndef MOTE_H
#define MOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOTE_VERSION_MAJOR 0
#define MOTE_VERSION_MINOR 1
#define MOTE_VERSION_PATCH 0
#define MOTE_VERSION "0.1.0"

#if defined(_WIN32) && defined(MOTE_SHARED)
#ifdef MOTE_BUILDING
#define MOTE_API __declspec(dllexport)
#else
#define MOTE_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define MOTE_API __attribute__((visibility("default")))
#else
#define MOTE_API
#endif

// "major.minor.patch" of the library that runs.
MOTE_API const char *mote_version(void);

// ---------------------------------------------------------------------------------------------------------------------
// Status

typedef enum mote_status {
  MOTE_OK = 0,
  MOTE_ERROR_USAGE = 1,        // an argument is out of its documented range
  MOTE_ERROR_FILE = 2,         // a file could not be opened, read, written or renamed
  MOTE_ERROR_FORMAT = 3,       // a file was read and does not hold what it should
  MOTE_ERROR_MEMORY = 4,       // host or device memory ran out
  MOTE_ERROR_DEVICE = 5,       // no suitable device, or Vulkan reported a failure
  MOTE_ERROR_DEVICE_LOST = 6,  // the device was lost; destroy everything made on it and start anew
  MOTE_ERROR_UNSUPPORTED = 7,  // well-formed, but this version cannot do it
} mote_status;

typedef struct mote_error {
  mote_status status;
  char message[512];  // one sentence, NUL-terminated; empty when status is MOTE_OK
} mote_error;

// ---------------------------------------------------------------------------------------------------------------------
// Devices

typedef struct mote_device mote_device;

typedef enum mote_device_type {
  MOTE_DEVICE_OTHER = 0,
  MOTE_DEVICE_INTEGRATED = 1,
  MOTE_DEVICE_DISCRETE = 2,
  MOTE_DEVICE_VIRTUAL = 3,
  MOTE_DEVICE_CPU = 4,
} mote_device_type;

typedef struct mote_device_info {
  uint32_t index;              // position in Vulkan's enumeration, accepted by mote_device_desc.select
  mote_device_type type;
  char name[256];              // as the driver reports it
  char driver[256];            // driver name and version text
  char uuid[37];               // 8-4-4-4-12 hexadecimal digits
  uint32_t api_version[3];     // major, minor, patch
  uint64_t memory_bytes;       // size of the largest device-local heap
  uint32_t subgroup_size;      // invocations
  uint32_t max_invocations;    // invocations in one workgroup
  uint32_t shared_bytes;       // shared memory of one workgroup
  bool subgroup_shuffle;       // subgroupShuffle in compute shaders
  bool float16;                // fp16 arithmetic and storage
  bool cooperative_matrix;     // of 16 x 16 x 16, fp16 to fp32, for MOTE_KERNELS_MATRIX
  bool timestamps;             // the compute queue can write timestamps
  bool usable;                 // meets the baseline: Vulkan 1.2 and a compute queue
  char reason[160];            // why it is not usable, or why it would or would not be chosen
  bool chosen;                 // the one that mote_device_create takes by default
} mote_device_info;

typedef void (*mote_log_fn)(void *user, const char *message);

// Runs job(data, 0) … job(data, count - 1), each once, on any threads and in any order, and returns when all have returned:
// a host's job system, or a loop.
typedef void (*mote_parallel_fn)(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);

// Which kernels ops take where they have several. An op without a kernel of that class takes its plain one.
typedef enum mote_kernels {
  MOTE_KERNELS_AUTO = 0,   // TEXEL on CPU drivers, TILED on everything else
  MOTE_KERNELS_PLAIN = 1,  // the simplest kernel of every op
  MOTE_KERNELS_TEXEL = 2,  // reads through texel buffers; convolutions need subgroups of 8 or more with shuffle
  MOTE_KERNELS_TILED = 3,  // convolutions as products of tiles in shared memory
  MOTE_KERNELS_MATRIX = 4, // TILED, but convolutions and their gradients with operands rounded to half precision (sums, tensors
                           // and weights stay fp32): with cooperative matrices where the device has them, else slowly, in
                           // order to check them
} mote_kernels;

// Whether to time kernels on the device where several can do the work, the first time that this work comes: programs take
// longer to make then, some seconds at most, and run faster. With a cache_directory what was found is kept between runs.
typedef enum mote_tune {
  MOTE_TUNE_OFF = 0,   // take the kernels that should suit
  MOTE_TUNE_FAST = 1,  // only between kernels that give the same bits, so that results do not depend on it
  MOTE_TUNE_FULL = 2,  // between all whose results differ by rounding alone, for as long as it takes
} mote_tune;

typedef struct mote_device_desc {
  const char *select;           // index, UUID or part of the name (any case); NULL: the best GPU, else a CPU driver
  const char *cache_directory;  // where the pipeline cache lives between runs; NULL: it is not kept
  bool validation;              // load VK_LAYER_KHRONOS_validation; a message it reports makes the next call fail
  bool separate_buffers;        // one VkBuffer a tensor and no aliasing, so that validation sees every overrun
  bool staging;                 // copy through a staging buffer even where device memory is the host's (tests)
  bool plain_kernels;           // the same as kernels = MOTE_KERNELS_PLAIN
  mote_kernels kernels;         // which class of kernels to take; 0: the one that suits the device
  mote_tune tune;               // 0: off
  uint64_t memory_limit;        // bytes of device memory that it takes at most; 0: what there is
  uint64_t binding_limit;       // bytes of a buffer that a kernel sees at most; 0: as many as the device offers (tests)
  mote_log_fn log;              // warnings worth showing to a person; NULL: they are dropped
  void *log_user;               // handed to log
  mote_parallel_fn parallel;    // runs the driver's compiler for several pipelines at once; NULL: one after the other
  void *parallel_user;          // handed to parallel
} mote_device_desc;

// Lists every Vulkan device. `*infos` is one allocation that the caller releases with mote_free; a machine with no
// Vulkan loader or no device gives MOTE_ERROR_DEVICE.
MOTE_API mote_status mote_device_list(mote_device_info **infos, size_t *count, mote_error *error);

// Chooses a device and makes it ready. `desc` may be NULL for all defaults. Fails with MOTE_ERROR_DEVICE when nothing
// fits `select`, naming what there is.
MOTE_API mote_status mote_device_create(const mote_device_desc *desc, mote_device **device, mote_error *error);
MOTE_API void mote_device_destroy(mote_device **device);

// What was chosen; lives as long as the device.
MOTE_API const mote_device_info *mote_device_get_info(const mote_device *device);

// What the device was asked to do since it was made: for tests, --verbose and the curious.
typedef struct mote_device_counters {
  uint64_t commands_begun;      // vkBeginCommandBuffer
  uint64_t submissions;         // vkQueueSubmit
  uint64_t descriptor_writes;   // descriptors written by vkUpdateDescriptorSets
  uint64_t dispatches_recorded; // vkCmdDispatch
  uint64_t barriers_recorded;   // vkCmdPipelineBarrier
  uint64_t pipelines_created;
  uint64_t memory_bytes;        // device memory held now
  uint64_t memory_peak_bytes;   // the most it has been
} mote_device_counters;

MOTE_API mote_device_counters mote_device_get_counters(const mote_device *device);

// What it may still take of the device's memory: what the driver leaves this process (VK_EXT_memory_budget), or where it does not
// say, the whole of the heap less what this mote_device holds; of a CPU driver the machine's memory. memory_limit counts too.
typedef struct mote_device_memory {
  uint64_t free_bytes;
  uint64_t allocation_bytes;    // in one piece
} mote_device_memory;

MOTE_API mote_device_memory mote_device_get_memory(const mote_device *device);

// Releases memory that a mote function said the caller must release. NULL is accepted.
MOTE_API void mote_free(void *memory);

// ---------------------------------------------------------------------------------------------------------------------
// Models

typedef struct mote_model mote_model;

#define MOTE_MAX_CONTEXT 1024  // n_cfeat at most
#define MOTE_MAX_LABELS MOTE_MAX_CONTEXT
#define MOTE_MAX_ATTRIBUTES 64

// Of the noise: beta_t of t = 1 … T, in fractions of it.
typedef enum mote_schedule {
  MOTE_SCHEDULE_LINEAR = 0,         // beta_start + (beta_end - beta_start) · t/T, and one more, beta_start, before the first
  MOTE_SCHEDULE_COSINE = 1,         // Nichol & Dhariwal 2021; diffusers calls it squaredcos_cap_v2
  MOTE_SCHEDULE_DDPM = 2,           // evenly from beta_start at t = 1 to beta_end at T (Ho et al. 2020); diffusers' linear
  MOTE_SCHEDULE_SCALED_LINEAR = 3,  // the same of √beta; diffusers' scaled_linear
  MOTE_SCHEDULE_FLOW = 4,           // no betas: x_t = (1 - t/T) · x_0 + t/T · ε (Lipman et al. 2023; Liu et al. 2023)
} mote_schedule;

// What a network makes of x_t = α · x_0 + σ · ε.
typedef enum mote_prediction {
  MOTE_PREDICT_EPSILON = 0,  // ε (Ho et al. 2020); not with MOTE_SCHEDULE_FLOW, at whose end x_t tells nothing else
  MOTE_PREDICT_V = 1,        // α · ε - σ · x_0 (Salimans & Ho 2022)
  MOTE_PREDICT_X0 = 2,       // x_0
  MOTE_PREDICT_FLOW = 3,     // ε - x_0, the velocity of MOTE_SCHEDULE_FLOW
} mote_prediction;

// Which timesteps a run of N steps visits from t_0 = strength · T down; i = 0 … N - 1, rounded, no two alike.
typedef enum mote_grid {
  MOTE_GRID_UNIFORM = 0,    // t_0 · (N - i)/N; of a model that says how it is sampled, its own
  MOTE_GRID_QUADRATIC = 1,  // t_0 · ((N - i)/N)², closer together towards the image (Song et al. 2021, appendix D.2)
  MOTE_GRID_KARRAS = 2,     // the timesteps nearest to sigma_i = (a + i/(N - 1) · (b - a))^7, a = sigma(t_0)^(1/7),
                            // b = sigma(1)^(1/7), sigma = √((1 - ᾱ)/ᾱ) (Karras et al. 2022, equation 5)
  // As the schedulers of diffusers have them, which count timesteps from 0. In brackets where DPM-Solver++ differs.
  MOTE_GRID_DIFFUSERS = 3,  // what they do by default: LEADING (LINSPACE)
  MOTE_GRID_LEADING = 4,    // 1 + offset + (N - 1 - i) · ⌊t_0/N⌋   (1 + offset + (N - i) · ⌊t_0/(N + 1)⌋)
  MOTE_GRID_TRAILING = 5,   // t_0 · (N - i)/N, halves rounded to even
  MOTE_GRID_LINSPACE = 6,   // 1 + (t_0 - 1) · (N - 1 - i)/(N - 1)   (1 + (t_0 - 1) · (N - i)/N)
} mote_grid;

// How samplers go about a model unless told otherwise: what its scheduler says, of one that comes from diffusers. Zeros: as they
// go about all others.
typedef struct mote_sampling {
  mote_grid grid;         // 0: UNIFORM
  int offset;             // of LEADING, timesteps
  double clip;            // DDIM and DDPM clamp each step's x_0 to [-clip, clip]; 0: they do not
  double threshold;       // as mote_sampler_desc.threshold; 0: not
  double threshold_most;  // s is at most this; 0: it has no bound
  bool keep_epsilon;      // DDIM goes on from the network's own ε, not from the one that follows from a clamped x_0
  bool end_early;         // of the grids of diffusers: DDIM's last step leads to timestep 1's noise, not to none
  bool end_early_multistep;  // the same of DPM-Solver++'s
} mote_sampling;

// One thing that a context tells of an image: its colour, in words of which one holds, or its size, a number.
typedef struct mote_attribute {
  char name[32];    // as labels are, and without a colon; each once
  int count;        // numbers of the context that it takes, after those of the attributes before it: one a label, or 1
  bool is_number;   // it is a number, from low to high where the model learned it; mote_attribute_scale says what stands for it
  double low, high;
} mote_attribute;

typedef struct mote_model_info {
  char architecture[32];    // "context_unet", "unet2d", or "sprite_classifier", which judges images (mote_model_classify)
  int channels;             // C, 1 to 4; of a unet2d up to 1024
  int height;               // h, pixels, a multiple of 4; of a unet2d one that its levels divide
  int width;                // w, pixels; 0 in a description: height
  int out_channels;         // of what the network makes of an image; 0 in a description: channels
  int n_feat;               // f, a multiple of 8
  int n_cfeat;              // K, length of the context vector; of a unet2d 0 where it takes none
  int timesteps;            // T
  mote_schedule schedule;
  double beta_start, beta_end;
  mote_prediction prediction;
  mote_sampling sampling;
  int steps;                // DDIM steps that it was distilled to; 0: it takes any number of them
  double guidance;          // that distillation built into it; 0 or 1: none
  double context_drop;      // probability that training left a context out, which guidance needs; 0: none, or not known
  double recommended_guidance;  // that samplers take unless told: 2 where there is a context_drop and no steps, else 1
  bool premultiplied;       // of 2 and 4 channels: the colours of images are multiplied by their alpha
  int label_count;          // 0, or n_cfeat
  // Of 1 to 31 bytes, UTF-8 without control characters, commas and equals signs, each once; not "none".
  char labels[MOTE_MAX_LABELS][32];
  // What the labels are of. A label that two attributes have, or that is the name of a number, is called "attribute:label"; a
  // number's label is its name. 0: all are of one attribute without a name.
  int attribute_count;
  mote_attribute attributes[MOTE_MAX_ATTRIBUTES];
  char trained_on[256];     // provenance of the data, UTF-8 without control characters, may be empty
  char settings[1024];       // those of the architecture that have no field here, "name=value;name=value"; absent ones: as usual
  const struct mote_network *network;  // one that is none of mote's, whose name is `architecture`; NULL: the one of that name
  bool counts_from_0;       // timesteps are 0 … T - 1 where a caller names them, as in mote_forward_desc; else 0 … T, 0 being the image
  bool classifies;          // it judges images (mote_model_classify) and makes none
  int feature_count;        // of one that classifies: numbers of an image's features (mote_model_classify)
  uint64_t parameter_count; // learned numbers, running statistics not among them
  uint64_t multiply_adds;   // of one image through the network
} mote_model_info;

// What stands in a context for `value` of an attribute that is a number: ½ for low to 1½ for high, since 0 says that it is not known.
MOTE_API float mote_attribute_scale(const mote_attribute *attribute, double value);

// Loads weights in safetensors form (F32, F16, BF16 or F64, PyTorch names; see docs/formats.md) onto the device. Absent metadata
// is inferred from shapes or defaulted and said through the device's log. MOTE_ERROR_FORMAT names the tensor or the
// metadata key that is wrong. `path` may be a folder as diffusers saves a UNet2DModel or a pipeline of one; what is in there that mote
// does not do is MOTE_ERROR_UNSUPPORTED.
MOTE_API mote_status mote_model_load_file(mote_device *device, const char *path, mote_model **model, mote_error *error);

// The same from `bytes` bytes at `data`, which are copied; `name` stands for the path in messages.
MOTE_API mote_status mote_model_load_memory(mote_device *device, const char *name, const void *data, size_t bytes,
                                            mote_model **model, mote_error *error);
MOTE_API void mote_model_destroy(mote_model **model);
MOTE_API const mote_model_info *mote_model_get_info(const mote_model *model);

#define MOTE_BATCH_MAX 4096  // images that one pass, one step of a sampler or one batch of training takes at most

typedef struct mote_forward_desc {
  int batch;             // images, 1 to MOTE_BATCH_MAX
  const float *x;        // batch × channels × height × width (NCHW)
  const int32_t *steps;  // batch timesteps, 0 to T, or to T - 1 where the model counts from 0
  const float *context;  // batch × n_cfeat, or NULL for none (zeros)
  bool train;            // BatchNorm over the batch's own statistics; the running ones are left as they are
} mote_forward_desc;

// One pass through a network: `output` receives batch × out_channels × height × width floats (NCHW).
MOTE_API mote_status mote_model_forward(mote_model *model, const mote_forward_desc *desc, float *output,
                                        mote_error *error);

// Which class images are of, as a model finds that is a sprite_classifier: `x` holds batch × channels × height × width numbers
// in [-1, 1] (NCHW), `logits` receives batch × n_cfeat numbers whose softmax is each class's probability. `features`, NULL or
// batch × feature_count, receives what the classes follow from: the means of its last layer. Batches of 1 to MOTE_BATCH_MAX.
MOTE_API mote_status mote_model_classify(mote_model *model, int batch, const float *x, float *logits, float *features,
                                         mote_error *error);

// What one training batch would change: for comparison with other implementations.
typedef struct mote_backward_desc {
  int batch;             // images, 1 to MOTE_BATCH_MAX
  const float *x0;       // batch × channels × height × width (NCHW), in [-1, 1]
  const float *noise;    // as x0
  const float *x;        // instead of both: what the network is given, as x0
  const float *target;   // with x: what it should answer, batch × out_channels × height × width
  const int32_t *steps;  // as mote_forward_desc has them
  const float *context;  // batch × n_cfeat, or NULL for none (zeros)
} mote_backward_desc;

// Noises x0, or takes x, predicts, and differentiates the mean squared error to the model's target, or the one given, BatchNorm in
// training mode.
// `*loss` receives the error; the file at `path` every parameter's gradient under its name, and the running statistics
// after this batch (momentum 0.1, variance unbiased). The model itself is left as it was.
MOTE_API mote_status mote_model_backward(mote_model *model, const mote_backward_desc *desc, const char *path,
                                         double *loss, mote_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Training

typedef struct mote_trainer mote_trainer;

typedef enum mote_lr_schedule {
  MOTE_LR_COSINE = 0,    // half a cosine to zero at total_steps
  MOTE_LR_LINEAR = 1,    // a straight line to zero at total_steps
  MOTE_LR_CONSTANT = 2,
} mote_lr_schedule;

// Images with one context each. Borrowed during mote_trainer_create only, unless data_stays; the device keeps its own copy, or where
// they are more than it binds or has room for, the host does, and copies to the device what each step draws, which changes no bit.
typedef struct mote_dataset {
  uint32_t count;
  const uint8_t *pixels;  // count × height × width × channels (NHWC); 0 … 255 becomes -1 … 1
  const float *context;   // count × n_cfeat, or NULL for none (zeros)
} mote_dataset;

typedef struct mote_trainer_desc {
  mote_device *device;             // required; must outlive the trainer
  mote_model_info model;           // describes the model, but for steps, guidance, context_drop, classifies and counts, which are ignored.
                                   // architecture "": "context_unet"; timesteps 0: 500; betas 0: 1e-4 and 0.02.
                                   // A "sprite_classifier" learns to tell contexts apart, without noise, by cross-entropy
                                   // in which all contexts of the data count the same; context_drop and min_snr are ignored
                                   // then
  const mote_model *start;         // weights to go on from, of the same shape; NULL: fresh ones, drawn from the seed
  // Progressive distillation (Salimans & Ho 2022): the model learns to arrive with each of distill_steps DDIM steps where two
  // steps of the teacher lead. Of the teacher's channels, height, n_cfeat and noise; n_feat and prediction are its own.
  const mote_model *teacher;       // must outlive the trainer; NULL: targets follow from the data
  int distill_steps;               // with a teacher: 1 to timesteps / 2
  double teacher_guidance;         // of the teacher (Meng et al. 2023): the model then needs none; 0: 1
  mote_dataset data;               // required
  mote_dataset validation;         // held out; count 0: none, as it must be with a teacher
  int batch;                       // 1 to MOTE_BATCH_MAX; 0: 64
  int accumulate;                  // batches whose gradients are averaged for one step, summed in pairs, pairs of pairs …; 0: 1
  double learning_rate;            // 0: 1e-3
  mote_lr_schedule lr_schedule;
  uint32_t warmup_steps;           // over which the rate rises from 0
  uint64_t total_steps;            // where the schedule ends, 1 to 2^32 - 1; may be 0 if it is constant
  double weight_decay;             // of AdamW (Loshchilov & Hutter 2019); 0: Adam
  double ema;                      // decay of the averaged weights, warmed up; 0: 0.999
  double clip;                     // largest global norm of the gradient; 0: not clipped
  double context_drop;             // probability that a context is replaced by zeros, and, of several attributes, that each of
                                   // what is left then is
  double min_snr;                  // gamma of min-SNR weighting (Hang et al. 2023); 0: not weighted
  double flip;                     // probability that an image is mirrored left to right
  int shift;                       // images move by up to so many pixels each way; the border repeats
  uint64_t seed;
  bool recorded;                   // it will be recorded into a host's command buffers too: see mote_vulkan.h. All images must then
                                   // fit the device
  bool data_stays;                 // data.pixels stay as they are while the trainer lives, which then need not copy them on the host
  int sampled;                     // images that a sampler of its model is to make at once: memory for that is counted, for fewer at
                                   // once where there is less; 0: none
} mote_trainer_desc;

// Builds, plans and records the training step: draw, noise, forward, loss, backward, optimiser, average.
MOTE_API mote_status mote_trainer_create(const mote_trainer_desc *desc, mote_trainer **trainer, mote_error *error);
MOTE_API void mote_trainer_destroy(mote_trainer **trainer);

// Replays the recorded step `step_count` times (1 to 1024) in one submission and waits for it. `losses`, of step_count
// floats, may be NULL. MOTE_ERROR_DEVICE with the step's number if a loss is not finite: the weights are then those of
// the last finite step.
MOTE_API mote_status mote_trainer_run(mote_trainer *trainer, int step_count, float *losses, mote_error *error);

MOTE_API uint64_t mote_trainer_steps_done(const mote_trainer *trainer);

// Learning rate of the next step.
MOTE_API double mote_trainer_learning_rate(const mote_trainer *trainer);

// Moves the end of the learning-rate schedule, for runs that end by the clock; 1 to 2^32 - 1, or 0 if it is constant.
MOTE_API mote_status mote_trainer_set_total_steps(mote_trainer *trainer, uint64_t total_steps, mote_error *error);

// Loss of the averaged weights over the held-out images: fixed timesteps and noise, running statistics, contexts kept. Of a
// sprite_classifier the cross-entropy.
MOTE_API mote_status mote_trainer_validate(mote_trainer *trainer, double *loss, mote_error *error);

// A model that holds the averaged weights as of the last call of this function; owned by the trainer.
MOTE_API mote_status mote_trainer_get_model(mote_trainer *trainer, mote_model **model, mote_error *error);

// Writes the averaged weights with all metadata, as F16 if `half`.
MOTE_API mote_status mote_trainer_save_weights(mote_trainer *trainer, const char *path, bool half, mote_error *error);

// The whole state (weights, moments, average, counters). A trainer made from the same description that loads it goes on
// with the same bits on the same device. MOTE_ERROR_FORMAT where the description does not fit.
MOTE_API mote_status mote_trainer_save_state(mote_trainer *trainer, const char *path, mote_error *error);
MOTE_API mote_status mote_trainer_load_state(mote_trainer *trainer, const char *path, mote_error *error);

typedef struct mote_trainer_info {
  uint32_t dispatches, barriers;  // of one step
  uint64_t parameter_bytes;       // weights, gradients, both moments, average; of several batches a step their sums
  uint64_t activation_bytes;      // planned peak
  uint64_t activation_bound;      // its lower bound
  uint64_t data_bytes;            // images and contexts on the device: all, or those drawn next
  bool data_on_host;              // the latter
  uint64_t memory_bytes;          // all device memory of the trainer
  uint64_t later_bytes;           // as of mote_needs
  int sampled;                    // of mote_trainer_desc.sampled images, how many at once find room
} mote_trainer_info;

MOTE_API mote_trainer_info mote_trainer_get_info(const mote_trainer *trainer);

// What making something will take from the device.
typedef struct mote_needs {
  uint64_t memory_bytes;   // device memory that stays allocated
  uint32_t allocations;    // vkAllocateMemory that stay
  uint32_t pipelines;      // compute pipelines that nothing made before on this device shares
  uint64_t staging_bytes;  // the most that is allocated on top, for a moment, to fill the memory
  uint64_t later_bytes;    // of a trainer: the most that comes on top as it runs: with held-out images or a sampler, the averaged
                           // weights once more, that sampler (mote_trainer_desc.sampled), and a pass of mote_trainer_validate
} mote_needs;

// What mote_trainer_create will take, known before it does; images are counted and not looked at, so `data.pixels` may be
// NULL. Where the device has no room, mote_trainer_create fails with MOTE_ERROR_MEMORY, says what is needed and what there is, and
// names the largest batch that fits.
MOTE_API mote_status mote_trainer_get_needs(const mote_trainer_desc *desc, mote_needs *needs, mote_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Sampling

typedef struct mote_sampler mote_sampler;

typedef enum mote_sampler_kind {
  MOTE_SAMPLER_DDIM = 0,  // Song et al. 2021, with eta
  MOTE_SAMPLER_DDPM = 1,  // Ho et al. 2020, ancestral
  MOTE_SAMPLER_DPMPP = 2,      // DPM-Solver++(2M), Lu et al. 2022 (arXiv:2211.01095), algorithm 2; no noise
  MOTE_SAMPLER_DPMPP_SDE = 3,  // SDE-DPM-Solver++(2M) of the same paper: with noise
  MOTE_SAMPLER_EULER = 4,      // DDIM without noise, which is Euler's method for the flow of probability
  MOTE_SAMPLER_HEUN = 5,       // Heun's (Karras et al. 2022, algorithm 1): each step but the last evaluates the network twice
} mote_sampler_kind;

// Whether a run starts from an image, which its request then brings as `init`.
typedef enum mote_edit {
  MOTE_EDIT_NONE = 0,
  MOTE_EDIT_IMAGE = 1,    // x = √ᾱ · init + √(1 - ᾱ) · noise at timestep t_0 (SDEdit, Meng et al. 2022)
  MOTE_EDIT_INPAINT = 2,  // the same; pixels where the request's mask is below ½ stay as in init (RePaint, Lugmayr et al.
                          // 2022, algorithm 1): at every step they are set to init at that step's noise level
} mote_edit;

typedef struct mote_sampler_desc {
  mote_model *model;       // required; must outlive the sampler
  mote_sampler_kind kind;
  int steps;               // of the grid, 1 to strength · T; 0: the model's own where it was distilled, else strength · T
                           // for DDPM and 25, or as many as there are, for the others
  int batch;               // images at once, 1 to MOTE_BATCH_MAX; 0: 1
  double eta;              // DDIM: 0 deterministic (default) to 1 as noisy as DDPM
  mote_grid grid;
  // Classifier-free guidance (Ho & Salimans 2022): m = m_avoid + guidance · (m_context - m_avoid), m the network's output.
  // Both are evaluated in one batch of twice the size. 1: no guidance, half the work; 0: the model's recommended_guidance; at
  // most 100.
  double guidance;
  double guidance_low, guidance_high;  // guided while t/T lies between (Kynkäänniemi et al. 2024); high 0: 1
  // Of each of the model's attributes, where it differs from guidance: m = m_avoid + guidance · (m_context - m_avoid) +
  // Σ (attribute_guidance[i] - guidance) · (m_context - m_i), m_i under the context in which attribute i is as in avoid. So each is
  // led towards with a scale of its own as far as they do not depend on one another (Liu et al. 2022, section 4.1); a batch more
  // for each. At most 100; 0: guidance.
  double attribute_guidance[MOTE_MAX_ATTRIBUTES];
  bool clip_x0;            // clamp each step's x_0 to [-1, 1], or as far as the model's `sampling` says; done unasked, unless
                           // threshold is, where that says so, and where it says nothing, the model predicts epsilon and a step
                           // would multiply its error by more than 20, as the cosine schedule's first one does
  double threshold;        // dynamic thresholding (Saharia et al. 2022): each step's x_0 is clamped to [-s, s] and divided by
                           // s = max(1, this quantile of |x_0| over the image); 0: as the model's `sampling` says; at most 1; not with
                           // clip_x0
  double strength;         // t_0 = strength · T is where a run starts; 0: 1, from noise alone
  mote_edit edit;
  int resample;            // MOTE_EDIT_INPAINT: go over each step but the last so many times (RePaint), 1 to 100; 0: 1
  bool recorded;           // it will be recorded into a host's command buffers too: see mote_vulkan.h
  int pixel_scale;         // recorded pixels: each is written as so many by so many, 1 to 16; 0: 1
} mote_sampler_desc;

typedef struct mote_sampler_request {
  uint64_t seed;           // the same seed gives the same sprites on every device
  uint32_t first_sample;   // index of the batch's first image within the run: image i draws the noise of
                           // sample first_sample + i, whatever the batch it is made in
  const float *context;    // batch × n_cfeat numbers, or NULL for none (zeros)
  const float *x_init;     // x where the run starts, batch × channels × height × width (NCHW), or NULL to draw it from
                           // the seed (and init)
  const float *avoid;      // with guidance: contexts to be led away from, as context; NULL for none (zeros)
  const float *init;       // with an edit: the images in [-1, 1], as x_init
  const float *mask;       // MOTE_EDIT_INPAINT: batch × height × width; below ½: the pixel stays, else it is made anew
} mote_sampler_request;

// Builds, plans and records the denoising step for one batch size. All memory and pipelines are made here.
MOTE_API mote_status mote_sampler_create(const mote_sampler_desc *desc, mote_sampler **sampler, mote_error *error);
MOTE_API void mote_sampler_destroy(mote_sampler **sampler);

// What mote_sampler_create will take from the device, known before it does.
MOTE_API mote_status mote_sampler_get_needs(const mote_sampler_desc *desc, mote_needs *needs, mote_error *error);
// Starts a new run: draws or uploads x_T and sets the step counter on the device to 0.
MOTE_API mote_status mote_sampler_begin(mote_sampler *sampler, const mote_sampler_request *request, mote_error *error);

// Replays the recorded step `step_count` times in one submission and waits for it. Running past the last step is
// MOTE_ERROR_USAGE.
MOTE_API mote_status mote_sampler_run(mote_sampler *sampler, int step_count, mote_error *error);

// Steps done since mote_sampler_begin, and steps of a whole run: network evaluations, (steps - 1) · resample + 1.
MOTE_API int mote_sampler_steps_done(const mote_sampler *sampler);
MOTE_API int mote_sampler_step_count(const mote_sampler *sampler);

// Copies the current x, batch × channels × height × width floats (NCHW), nominally in [-1, 1].
MOTE_API mote_status mote_sampler_read(mote_sampler *sampler, float *images, mote_error *error);

// Copies the current x as pixels, batch × height × width × channels bytes (NHWC), [-1, 1] mapped to [0, 255].
// Of a `premultiplied` model, colours come multiplied by alpha.
MOTE_API mote_status mote_sampler_read_pixels(mote_sampler *sampler, uint8_t *pixels, mote_error *error);

typedef struct mote_sampler_info {
  uint32_t dispatches;           // of one step
  uint32_t barriers;             // of one step
  uint32_t setup_dispatches;     // of what runs when a run begins, at most: folded weights stay for the runs after it
  uint64_t activation_bytes;     // planned peak of the activations
  uint64_t activation_bound;     // lower bound of that peak: the largest sum of tensors alive at once
  uint64_t memory_bytes;         // all device memory of the sampler, weights not included
} mote_sampler_info;

MOTE_API mote_sampler_info mote_sampler_get_info(const mote_sampler *sampler);

#ifdef __cplusplus
}
#endif

#endif

// diffusers_model.c: reads a UNet2DModel's config and its scheduler's, of diffusers up to 0.42.
#include "graph/nets/diffusers_model.h"

#include <stdio.h>
#include <string.h>

#include "runtime/number.h"

const diffusers_key diffusers_keys[] = {
    {"in_channels", "channels", "3"},
    {"out_channels", "out_channels", "3"},
    {"sample_size", "height", NULL},
    {"num_class_embeds", "n_cfeat", "0"},
    {"block_out_channels", "block_out_channels", "224,448,672,896"},
    {"layers_per_block", "layers_per_block", "2"},
    {"down_block_types", "down_block_types", "DownBlock2D,AttnDownBlock2D,AttnDownBlock2D,AttnDownBlock2D"},
    {"up_block_types", "up_block_types", "AttnUpBlock2D,AttnUpBlock2D,AttnUpBlock2D,UpBlock2D"},
    {"mid_block_type", "mid_block_type", "UNetMidBlock2D"},
    {"add_attention", "add_attention", "true"},
    {"act_fn", "act_fn", "silu"},
    {"norm_num_groups", "norm_num_groups", "32"},
    {"norm_eps", "norm_eps", "1e-05"},
    {"attention_head_dim", "attention_head_dim", "8"},
    {"attn_norm_num_groups", "attn_norm_num_groups", "0"},
    {"resnet_time_scale_shift", "resnet_time_scale_shift", "default"},
    {"downsample_type", "downsample_type", "conv"},
    {"upsample_type", "upsample_type", "conv"},
    {"downsample_padding", "downsample_padding", "1"},
    {"mid_block_scale_factor", "mid_block_scale_factor", "1"},
    {"time_embedding_dim", "time_embedding_dim", "0"},
    {"flip_sin_to_cos", "flip_sin_to_cos", "true"},
    {"freq_shift", "freq_shift", "0"},
    {"center_input_sample", "center_input_sample", "false"},
    {"dropout", "dropout", "0"},
    {0},
};

const char *const diffusers_schedules[] = {[MOTE_SCHEDULE_LINEAR] = "",  // "": there is none like it
                                           [MOTE_SCHEDULE_COSINE] = "squaredcos_cap_v2",
                                           [MOTE_SCHEDULE_DDPM] = "linear",
                                           [MOTE_SCHEDULE_SCALED_LINEAR] = "scaled_linear",
                                           [MOTE_SCHEDULE_FLOW] = "",
                                           NULL};
const char *const diffusers_predictions[] = {
    [MOTE_PREDICT_EPSILON] = "epsilon", [MOTE_PREDICT_V] = "v_prediction", [MOTE_PREDICT_X0] = "sample",
    [MOTE_PREDICT_FLOW] = "", NULL};
static const char *const spacings[] = {"leading", "trailing", "linspace", NULL};  // in the order of the grids from LEADING on

static mote_status fail_found(const diffusers_config *config, const char *key, const char *expected, mote_error *error) {
  const diffusers_record *found = diffusers_find(config, key);
  const bool nested = found && found->type == DIFFUSERS_OTHER, null = !found || found->type == DIFFUSERS_NULL;
  return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: %s is %s, expected %s", config->path, key,
              nested ? "a nested or too long value" : null ? "null" : found->text[0] ? found->text : "empty", expected);
}

// Keys that must be as diffusers has them unless told: what another value would ask for is not done. `usual` NULL: null.
typedef struct fixed_key {
  const char *key, *usual;
} fixed_key;

static const fixed_key fixed_config[] = {{"class_embed_type", NULL}, {"time_embedding_type", "positional"}, {0}};
static const fixed_key fixed_scheduler[] = {
    {"trained_betas", NULL},          {"rescale_betas_zero_snr", "false"},
    {"solver_order", "2"},            {"solver_type", "midpoint"},
    {"lower_order_final", "true"},    {"euler_at_final", "false"},
    {"use_karras_sigmas", "false"},   {"use_exponential_sigmas", "false"},
    {"use_beta_sigmas", "false"},     {"use_lu_lambdas", "false"},
    {"use_flow_sigmas", "false"},     {"use_dynamic_shifting", "false"},
    {"lambda_min_clipped", "-infinity"}, {0}};

static bool is_usual(const diffusers_record *record, const char *usual) {
  if (record->type == DIFFUSERS_NULL) return !usual || !strcmp(usual, "false");
  return usual && record->type != DIFFUSERS_OTHER && !strcmp(record->text, usual);
}

// Whether nothing here reads it, which a later version may have added: harmless if it is null or false.
static mote_status check_key(const diffusers_config *config, const diffusers_record *record, const fixed_key *fixed, bool read,
                             mote_error *error) {
  for (; fixed->key; fixed++)
    if (!strcmp(fixed->key, record->key))
      return is_usual(record, fixed->usual) ? MOTE_OK
                                            : fail_found(config, record->key, fixed->usual ? fixed->usual : "null", error);
  if (read || record->key[0] == '_' || is_usual(record, "false")) return MOTE_OK;
  return fail_found(config, record->key, "null, false or nothing: it is no key that mote knows", error);
}

static mote_status check_class(const diffusers_config *config, const char *const *classes, const char *expected, int *which,
                               mote_error *error) {
  const diffusers_record *class = diffusers_find(config, "_class_name");
  for (*which = 0; class && classes[*which]; ++*which)
    if (class->type == DIFFUSERS_STRING && !strcmp(class->text, classes[*which])) return MOTE_OK;
  return fail_found(config, "_class_name", expected, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// The model

// What `key` says as metadata has it, null as 0 where that is in the setting's range.
static mote_status take_key(const diffusers_config *config, const diffusers_key *key, metadata_pairs *pairs, mote_error *error) {
  const network_setting *setting = setting_find(&unet2d_network, key->setting);
  const diffusers_record *record = diffusers_find(config, key->key);
  if (!record && key->usual) {
    metadata_add(pairs, key->setting, key->usual);
    return MOTE_OK;
  }
  if (record && record->type == DIFFUSERS_NULL) {
    const bool none = !strcmp(key->key, "mid_block_type"), sampling = strstr(key->key, "sample_type") != NULL;
    if (!none && !sampling && (setting->type != VALUE_INT || setting->low > 0))
      return fail_found(config, key->key, setting_range(setting).text, error);
    metadata_add(pairs, key->setting, none ? "none" : sampling ? "conv" : "0");
    return MOTE_OK;
  }
  const diffusers_type type = setting->most                                                     ? DIFFUSERS_LIST
                              : setting->type == VALUE_INT || setting->type == VALUE_DOUBLE ? DIFFUSERS_NUMBER
                              : setting->type == VALUE_BOOL                                     ? DIFFUSERS_BOOL
                                                                                                : DIFFUSERS_STRING;
  setting_value value;
  const char *text = record ? record->text : "";
  if (!strcmp(key->key, "act_fn") && !strcmp(text, "swish")) text = "silu";
  if (!record || record->type != type || !setting_parse(setting, text, &value) || !setting_in_range(setting, &value))
    return fail_found(config, key->key, setting_range(setting).text, error);
  metadata_add(pairs, key->setting, text);
  return MOTE_OK;
}

// A number for both, or [height, width].
static mote_status take_size(const diffusers_config *config, metadata_pairs *pairs, mote_error *error) {
  static const char *const names[] = {"height", "width"};
  const diffusers_record *record = diffusers_find(config, "sample_size");
  char sizes[2][sizeof record->text];
  if (record && record->type == DIFFUSERS_NUMBER) {
    memcpy(sizes[0], record->text, sizeof sizes[0]);
    memcpy(sizes[1], record->text, sizeof sizes[1]);
  } else {
    const char *comma = record && record->type == DIFFUSERS_LIST ? strchr(record->text, ',') : NULL;
    if (!comma) return fail_found(config, "sample_size", "a number, or [height, width]", error);
    snprintf(sizes[0], sizeof sizes[0], "%.*s", (int)(comma - record->text), record->text);
    snprintf(sizes[1], sizeof sizes[1], "%s", comma + 1);
  }
  for (int i = 0; i < 2; i++) {
    const network_setting *setting = setting_find(&unet2d_network, names[i]);
    setting_value value;
    if (!setting_parse(setting, sizes[i], &value) || !setting_in_range(setting, &value))
      return fail_found(config, "sample_size", setting_range(setting).text, error);
    metadata_add(pairs, names[i], sizes[i]);
  }
  return MOTE_OK;
}

static mote_status take_config(const diffusers_config *config, metadata_pairs *pairs, mote_error *error) {
  static const char *const classes[] = {"UNet2DModel", NULL};
  int which;
  TRY(check_class(config, classes, classes[0], &which, error));
  for (int i = 0; i < config->count; i++) {
    bool read = !strcmp(config->records[i].key, "num_train_timesteps");  // of a learned time embedding, which none of these has
    for (const diffusers_key *key = diffusers_keys; key->key; key++) read |= !strcmp(key->key, config->records[i].key);
    TRY(check_key(config, &config->records[i], fixed_config, read, error));
  }
  for (const diffusers_key *key = diffusers_keys; key->key; key++)
    TRY(key->usual ? take_key(config, key, pairs, error) : take_size(config, pairs, error));
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The scheduler

static mote_status take_number(const diffusers_config *config, const char *key, double low, double high, double *number,
                               mote_error *error) {
  const diffusers_record *record = diffusers_find(config, key);
  const char *end;
  if (!record) return MOTE_OK;
  if (record->type == DIFFUSERS_NUMBER && number_parse(record->text, &end, number) && !*end && *number >= low && *number <= high)
    return MOTE_OK;
  char expected[80];
  snprintf(expected, sizeof expected, "%s to %s", number_format(low).text, number_format(high).text);
  return fail_found(config, key, expected, error);
}

static mote_status take_int(const diffusers_config *config, const char *key, int low, int high, int *number, mote_error *error) {
  double value = *number;
  TRY(take_number(config, key, low, high, &value, error));
  *number = (int)value;
  return value == *number ? MOTE_OK : fail_found(config, key, "an integer", error);
}

static mote_status take_bool(const diffusers_config *config, const char *key, bool *value, mote_error *error) {
  const diffusers_record *record = diffusers_find(config, key);
  if (!record) return MOTE_OK;
  if (record->type != DIFFUSERS_BOOL) return fail_found(config, key, "true or false", error);
  *value = !strcmp(record->text, "true");
  return MOTE_OK;
}

// One of `choices`, of which an empty one is none.
static mote_status take_choice(const diffusers_config *config, const char *key, const char *const *choices, int *choice,
                               mote_error *error) {
  const diffusers_record *record = diffusers_find(config, key);
  char known[100] = "one of";
  if (!record) return MOTE_OK;
  for (int i = 0; choices[i]; i++) {
    if (!choices[i][0]) continue;
    if (record->type == DIFFUSERS_STRING && !strcmp(record->text, choices[i])) {
      *choice = i;
      return MOTE_OK;
    }
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s %s", strlen(known) > 6 ? "," : "", choices[i]);
  }
  return fail_found(config, key, known, error);
}

static const char *const read_of_schedulers[] = {
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type", "clip_sample", "clip_sample_range",
    "thresholding", "dynamic_thresholding_ratio", "sample_max_value", "timestep_spacing", "steps_offset", "set_alpha_to_one",
    "final_sigmas_type", "variance_type", "algorithm_type",
    "flow_shift", "time_shift_type",  // of flows and shifts, which are refused
    NULL};

static mote_status check_scheduler(const diffusers_config *config, bool *multistep, mote_error *error) {
  static const char *const classes[] = {"DDPMScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", NULL};
  static const char *const variances[] = {"fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", NULL};
  static const char *const algorithms[] = {"dpmsolver++", "sde-dpmsolver++", NULL};
  int which;
  TRY(check_class(config, classes, "DDPMScheduler, DDIMScheduler or DPMSolverMultistepScheduler", &which, error));
  *multistep = which == 2;
  for (int i = 0; i < config->count; i++) {
    bool read = false;
    for (int k = 0; read_of_schedulers[k]; k++) read |= !strcmp(read_of_schedulers[k], config->records[i].key);
    TRY(check_key(config, &config->records[i], fixed_scheduler, read, error));
  }
  const diffusers_record *variance = diffusers_find(config, "variance_type");
  if (variance && variance->type != DIFFUSERS_NULL) TRY(take_choice(config, "variance_type", variances, &which, error));
  return take_choice(config, "algorithm_type", algorithms, &which, error);
}

// What a scheduler says of each step's x_0, which DPM-Solver++ never clips: its scheduler says nothing of that, and DDIMScheduler
// made of it clips as it does unless told.
static mote_status take_limits(const diffusers_config *config, mote_sampling *sampling, mote_error *error) {
  bool clips = true, thresholds = false;
  double range = 1, ratio = 0.995, most = 1;
  TRY(take_bool(config, "clip_sample", &clips, error));
  TRY(take_number(config, "clip_sample_range", 1e-6, 1e6, &range, error));
  TRY(take_bool(config, "thresholding", &thresholds, error));
  TRY(take_number(config, "dynamic_thresholding_ratio", 1e-6, 1, &ratio, error));
  TRY(take_number(config, "sample_max_value", 1, 1e6, &most, error));
  sampling->clip = clips ? range : 0;
  sampling->threshold = thresholds ? ratio : 0;
  sampling->threshold_most = thresholds ? most : 0;
  return MOTE_OK;
}

static mote_status take_scheduler(const diffusers_config *config, mote_model_info *info, mote_error *error) {
  static const char *const finals[] = {"zero", "sigma_min", NULL};
  bool multistep, to_one = true;
  TRY(check_scheduler(config, &multistep, error));
  int schedule = MOTE_SCHEDULE_DDPM, prediction = MOTE_PREDICT_EPSILON, final = 0;
  const int own = multistep ? 2 : 0;
  int spacing = own;
  TRY(take_int(config, "num_train_timesteps", 1, 100000, &info->timesteps, error));
  TRY(take_number(config, "beta_start", 1e-12, 0.999, &info->beta_start, error));
  TRY(take_number(config, "beta_end", 1e-12, 0.999, &info->beta_end, error));
  TRY(take_choice(config, "beta_schedule", diffusers_schedules, &schedule, error));
  TRY(take_choice(config, "prediction_type", diffusers_predictions, &prediction, error));
  TRY(take_limits(config, &info->sampling, error));
  TRY(take_choice(config, "timestep_spacing", spacings, &spacing, error));
  TRY(take_int(config, "steps_offset", 0, info->timesteps - 1, &info->sampling.offset, error));
  TRY(take_bool(config, "set_alpha_to_one", &to_one, error));
  TRY(take_choice(config, "final_sigmas_type", finals, &final, error));
  info->schedule = (mote_schedule)schedule;
  info->prediction = (mote_prediction)prediction;
  // What a scheduler says that is its own default is left to that of the sampler, as diffusers does where one is made of another's
  // config.
  info->sampling.grid = spacing == own ? MOTE_GRID_DIFFUSERS : (mote_grid)((int)MOTE_GRID_LEADING + spacing);
  info->sampling.keep_epsilon = true;
  info->sampling.end_early = !to_one;
  info->sampling.end_early_multistep = final == 1;
  return MOTE_OK;
}

mote_status diffusers_describe(const mote_device *device, const diffusers_folder *folder, const safetensors *file,
                               mote_model_info *info, mote_error *error) {
  diffusers_config config;
  metadata_pairs pairs = {.count = 0};
  TRY(diffusers_read(folder->config, &config, error));
  TRY(take_config(&config, &pairs, error));
  *info = (mote_model_info){.timesteps = 1000, .schedule = MOTE_SCHEDULE_DDPM, .beta_start = 1e-4, .beta_end = 0.02,
                            .sampling = {.grid = MOTE_GRID_DIFFUSERS, .clip = 1, .keep_epsilon = true}};
  snprintf(info->architecture, sizeof info->architecture, "%s", unet2d_network.name);
  TRY(metadata_read_settings(device, folder->config, file, &pairs, info, error));
  if (folder->scheduler[0]) {
    TRY(diffusers_read(folder->scheduler, &config, error));
    TRY(take_scheduler(&config, info, error));
  } else {
    device_log(device, "%s: has no scheduler beside it: 1000 timesteps, linear betas from 0.0001 to 0.02 and epsilon assumed",
               folder->config);
  }
  info->recommended_guidance = metadata_guidance(info);
  return metadata_check(&(described){folder->scheduler[0] ? folder->scheduler : folder->config, MOTE_ERROR_FORMAT}, info, error);
}

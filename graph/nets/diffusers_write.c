// diffusers_write.c: a unet2d as a pipeline's folder that diffusers loads: model, scheduler and what joins them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/files/json.h"
#include "graph/nets/diffusers_model.h"
#include "graph/nets/model.h"
#include "runtime/number.h"

#define VERSION "0.42.1"  // of diffusers, whose keys these are

// ---------------------------------------------------------------------------------------------------------------------
// JSON

static mote_status save(json_text *out, const char *path, mote_error *error) {
  file_writer writer;
  mote_status status = out->out_of_memory ? fail(error, MOTE_ERROR_MEMORY, "%s: no memory to write it", path)
                                          : file_writer_init(&writer, path, error);
  if (!status) {
    status = file_writer_write(&writer, out->text, out->length, error);
    if (status)
      file_writer_abort(&writer);
    else
      status = file_writer_commit(&writer, error);
  }
  free(out->text);
  return status;
}

static void add_number(json_text *out, const char *key, double value) {
  json_write(out, ",\n  \"%s\": %s", key, number_format(value).text);
}

static void add_word(json_text *out, const char *key, const char *word, bool quoted) {
  json_write(out, quoted ? ",\n  \"%s\": \"%s\"" : ",\n  \"%s\": %s", key, word);
}

static void begin(json_text *out, const char *class) {
  json_write(out, "{\n  \"_class_name\": \"%s\",\n  \"_diffusers_version\": \"%s\"", class, VERSION);
}

// Classes as rows of a table, and one more, of zeros, for none.
static int class_rows(const mote_model_info *info) { return info->n_cfeat ? info->n_cfeat + 1 : 0; }

// Of settings whose 0 is null there.
static bool is_null(const mote_model_info *info, const diffusers_key *key) {
  if (!strcmp(key->key, "mid_block_type")) return setting_of(info, key->setting).numbers[0] != 0;
  static const char *const keys[] = {"num_class_embeds", "attention_head_dim", "attn_norm_num_groups", "time_embedding_dim"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (!strcmp(key->key, keys[i])) return setting_of(info, key->setting).numbers[0] == 0;
  return false;
}

static void add_key(json_text *out, const mote_model_info *info, const diffusers_key *key) {
  const network_setting *setting = setting_find(&unet2d_network, key->setting);
  const setting_value value = setting_get(info, setting);
  const bool quoted = setting->type == VALUE_CHOICE;
  if (is_null(info, key)) {
    add_word(out, key->key, "null", false);
  } else if (!key->usual) {
    json_write(out, ",\n  \"%s\": [%d, %d]", key->key, info->height, info->width);
  } else if (!strcmp(key->key, "num_class_embeds")) {
    add_number(out, key->key, class_rows(info));
  } else if (!setting->most) {
    add_word(out, key->key, setting_format(setting, &value).text, quoted);
  } else {
    json_write(out, ",\n  \"%s\": [", key->key);
    for (int i = 0; i < value.count; i++) {
      const setting_value one = {1, {value.numbers[i]}};
      json_write(out, quoted ? "%s\"%s\"" : "%s%s", i ? ", " : "", setting_format(setting, &one).text);
    }
    json_write(out, "]");
  }
}

static mote_status write_config(const mote_model_info *info, const char *path, mote_error *error) {
  json_text out = {0};
  begin(&out, "UNet2DModel");
  for (const diffusers_key *key = diffusers_keys; key->key; key++) add_key(&out, info, key);
  json_write(&out, ",\n  \"class_embed_type\": null,\n  \"time_embedding_type\": \"positional\"\n}\n");
  return save(&out, path, error);
}

// DDIM's, which is what mote samples with unless told; of a schedule that diffusers has not, each beta stands there.
static mote_status write_scheduler(const mote_model_info *info, const double *betas, const char *path, mote_error *error) {
  static const char *const spacings[] = {[MOTE_GRID_DIFFUSERS] = "leading", [MOTE_GRID_LEADING] = "leading",
                                         [MOTE_GRID_TRAILING] = "trailing", [MOTE_GRID_LINSPACE] = "linspace"};
  const mote_sampling *sampling = &info->sampling;
  const char *schedule = diffusers_schedules[info->schedule];
  json_text out = {0};
  begin(&out, "DDIMScheduler");
  add_number(&out, "num_train_timesteps", info->timesteps);
  add_number(&out, "beta_start", info->beta_start);
  add_number(&out, "beta_end", info->beta_end);
  add_word(&out, "beta_schedule", schedule[0] ? schedule : "linear", true);
  json_write(&out, ",\n  \"trained_betas\": %s", schedule[0] ? "null" : "[");
  for (int t = 1; t <= info->timesteps && !schedule[0]; t++)
    json_write(&out, "%s%s", t > 1 ? ", " : "", number_format(betas[t]).text);
  if (!schedule[0]) json_write(&out, "]");
  add_word(&out, "prediction_type", diffusers_predictions[info->prediction], true);
  add_word(&out, "timestep_spacing", spacings[sampling->grid < MOTE_GRID_DIFFUSERS ? MOTE_GRID_TRAILING : sampling->grid], true);
  add_number(&out, "steps_offset", sampling->offset);
  // Unasked, mote clamps where a network's error in epsilon would be multiplied, as it is on the cosine schedule.
  const bool clips = sampling->clip > 0 || (!sampling->grid && info->schedule == MOTE_SCHEDULE_COSINE &&
                                            info->prediction == MOTE_PREDICT_EPSILON);
  add_word(&out, "clip_sample", clips ? "true" : "false", false);
  add_number(&out, "clip_sample_range", sampling->clip > 0 ? sampling->clip : 1);
  add_word(&out, "thresholding", sampling->threshold > 0 ? "true" : "false", false);
  add_number(&out, "dynamic_thresholding_ratio", sampling->threshold > 0 ? sampling->threshold : 0.995);
  add_number(&out, "sample_max_value", sampling->threshold_most > 0 ? sampling->threshold_most : 1);
  add_word(&out, "set_alpha_to_one", sampling->end_early ? "false" : "true", false);
  if (sampling->end_early_multistep) add_word(&out, "final_sigmas_type", "sigma_min", true);  // for DPM-Solver++ made of it
  json_write(&out, ",\n  \"rescale_betas_zero_snr\": false\n}\n");
  return save(&out, path, error);
}

static mote_status write_index(const char *path, mote_error *error) {
  json_text out = {0};
  begin(&out, "DDIMPipeline");
  json_write(&out, ",\n  \"scheduler\": [\"diffusers\", \"DDIMScheduler\"],\n  \"unet\": [\"diffusers\", \"UNet2DModel\"]\n}\n");
  return save(&out, path, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Weights

static mote_status read_tensor(const mote_model *model, const tensor *tensor, safetensors_tensor *out, mote_error *error) {
  const bool classes = !strcmp(tensor->name, "class_embedding.weight");
  const size_t count = tensor_elements(tensor), more = classes ? count / (size_t)model->info.n_cfeat : 0;
  float *rows = calloc(count + more, sizeof *rows);
  if (!rows) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  *out = (safetensors_tensor){.name = tensor->name, .dtype = SAFETENSORS_F32, .data = rows};
  out->dim_count = parameter_dims(tensor, out->dims);
  if (classes) out->dims[0]++;
  return parameters_read(model->buffer, tensor, rows, error);
}

static mote_status write_weights(const mote_model *model, const char *path, mote_error *error) {
  static const safetensors_pair format = {"format", "pt"};  // without which diffusers does not load it
  const graph *list = model->parameters.list;
  safetensors_tensor *tensors = calloc((size_t)list->tensor_count + 1, sizeof *tensors);
  mote_status status = tensors ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  size_t count = 0;
  for (int i = 0; i < list->tensor_count && !status; i++)
    if (list->tensors[i]->kind == TENSOR_PARAMETER) status = read_tensor(model, list->tensors[i], &tensors[count++], error);
  if (!status) status = safetensors_write(path, tensors, count, &format, 1, error);
  for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)tensors[i].data);
  free(tensors);
  return status;
}

mote_status diffusers_check_model(const mote_model_info *info, mote_error *error) {
  if (network_of(info) != &unet2d_network)
    return fail(error, MOTE_ERROR_UNSUPPORTED, "found a %s, expected a unet2d, which diffusers has too", info->architecture);
  if (info->schedule == MOTE_SCHEDULE_FLOW)
    return fail(error, MOTE_ERROR_UNSUPPORTED, 
                "found the schedule flow, expected another: FlowMatchEulerDiscreteScheduler counts timesteps from 1, a UNet2DModel of mote's "
                "from 0; sample it with mote, or train one with another --schedule");
  return MOTE_OK;
}

mote_status diffusers_write(const mote_model *model, const double *betas, const char *path, mote_error *error) {
  const mote_model_info *info = &model->info;
  diffusers_folder folder;
  TRY(diffusers_check_model(info, error));
  if (!diffusers_name_files(path, true, &folder))
    return fail(error, MOTE_ERROR_FILE, "%s: the names of its files are too long", path);
  TRY(write_config(info, folder.config, error));
  TRY(write_weights(model, folder.weights, error));
  TRY(write_scheduler(info, betas, folder.scheduler, error));
  return write_index(folder.index, error);  // last: without it the folder is none
}

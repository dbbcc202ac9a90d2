// pipeline.c: compute pipelines from embedded SPIR-V, their layouts reflected, each made once a device.
#include <stdlib.h>
#include <string.h>

#include "runtime/vulkan.h"

static VkDescriptorType descriptor_type(spirv_binding_kind kind) {
  return kind == SPIRV_BINDING_STORAGE_BUFFER ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                              : VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER;
}

// Vulkan promises four of each; most drivers allow far more than any shader here takes.
static mote_status check_binding_count(const mote_device *device, const pipeline *pipeline, mote_error *error) {
  uint32_t buffers = 0, texels = 0;
  for (uint32_t i = 0; i < MAX_BINDINGS; i++) {
    buffers += pipeline->interface.bindings[i].kind == SPIRV_BINDING_STORAGE_BUFFER;
    texels += pipeline->interface.bindings[i].kind == SPIRV_BINDING_TEXEL_BUFFER;
  }
  if (buffers <= device->caps.max_storage_buffers && texels <= device->caps.max_texel_buffers) return MOTE_OK;
  return fail(error, MOTE_ERROR_DEVICE,
              "shader %s takes %u storage buffers and %u texel buffers, %s binds %u and %u at most", pipeline->shader->name,
              buffers, texels, device->info.name, device->caps.max_storage_buffers, device->caps.max_texel_buffers);
}

static mote_status create_layouts(mote_device *device, pipeline *pipeline, mote_error *error) {
  VkDescriptorSetLayoutBinding bindings[MAX_BINDINGS];
  uint32_t count = 0;
  for (uint32_t i = 0; i < MAX_BINDINGS; i++)
    if (pipeline->interface.bindings[i].kind)
      bindings[count++] =
          (VkDescriptorSetLayoutBinding){.binding = i,
                                         .descriptorType = descriptor_type(pipeline->interface.bindings[i].kind),
                                         .descriptorCount = 1,
                                         .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  const VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                               .bindingCount = count,
                                               .pBindings = bindings};
  TRY(CHECK(error,
            device->vk.vkCreateDescriptorSetLayout(device->handle, &set, device->allocator, &pipeline->set_layout)));
  const VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = pipeline->interface.push_bytes};
  const VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                             .setLayoutCount = 1,
                                             .pSetLayouts = &pipeline->set_layout,
                                             .pushConstantRangeCount = push.size > 0,
                                             .pPushConstantRanges = &push};
  TRY(CHECK(error, device->vk.vkCreatePipelineLayout(device->handle, &layout, device->allocator, &pipeline->layout)));
  const char *name = pipeline->shader->name;
  device_name_object(device, VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT, (uint64_t)(uintptr_t)pipeline->set_layout, name);
  device_name_object(device, VK_OBJECT_TYPE_PIPELINE_LAYOUT, (uint64_t)(uintptr_t)pipeline->layout, name);
  return MOTE_OK;
}

static mote_status create_pipeline(mote_device *device, pipeline *pipeline, mote_error *error) {
  const VkShaderModuleCreateInfo module_info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                                .codeSize = pipeline->shader->word_count * 4,
                                                .pCode = pipeline->shader->words};
  VkShaderModule module;
  TRY(CHECK(error, device->vk.vkCreateShaderModule(device->handle, &module_info, device->allocator, &module)));
  device_name_object(device, VK_OBJECT_TYPE_SHADER_MODULE, (uint64_t)(uintptr_t)module, pipeline->shader->name);
  VkSpecializationMapEntry entries[MAX_SPEC_CONSTANTS];
  for (uint32_t i = 0; i < pipeline->spec_count; i++)
    entries[i] = (VkSpecializationMapEntry){.constantID = i, .offset = 4 * i, .size = 4};
  const VkSpecializationInfo constants = {.mapEntryCount = pipeline->spec_count,
                                          .pMapEntries = entries,
                                          .dataSize = 4 * pipeline->spec_count,
                                          .pData = pipeline->spec};
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroups = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
      .requiredSubgroupSize = device->caps.subgroup_size};
  bool whole = pipeline->interface.cooperative;
  const VkComputePipelineCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .pNext = whole ? &subgroups : NULL,
                .flags = whole ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = "main",
                .pSpecializationInfo = &constants},
      .layout = pipeline->layout};
  mote_status status =
      CHECK(error, device->vk.vkCreateComputePipelines(device->handle, device->pipeline_cache, 1, &info,
                                                       device->allocator, &pipeline->handle));
  device->vk.vkDestroyShaderModule(device->handle, module, device->allocator);
  if (!status)
    device_name_object(device, VK_OBJECT_TYPE_PIPELINE, (uint64_t)(uintptr_t)pipeline->handle, pipeline->shader->name);
  return status;
}

static void pipeline_destroy(mote_device *device, pipeline *pipeline) {
  device->vk.vkDestroyPipeline(device->handle, pipeline->handle, device->allocator);
  device->vk.vkDestroyPipelineLayout(device->handle, pipeline->layout, device->allocator);
  device->vk.vkDestroyDescriptorSetLayout(device->handle, pipeline->set_layout, device->allocator);
  free(pipeline);
}

static pipeline *find(const mote_device *device, const shader *shader, const uint32_t *spec, uint32_t spec_count) {
  for (pipeline *k = device->pipelines; k; k = k->next)
    if (k->shader == shader && k->spec_count == spec_count &&
        (!spec_count || memcmp(k->spec, spec, 4 * spec_count) == 0))
      return k;
  return NULL;
}

void device_set_shaders(mote_device *device, const shader *shaders, size_t count) {
  device->shaders = shaders;
  device->shader_count = count;
}

static const shader *choose_shader(const mote_device *device, const char *name) {
  for (size_t i = 0; i < device->shader_count; i++)
    if (strcmp(device->shaders[i].name, name) == 0) return &device->shaders[i];
  return shader_find(name);
}

bool pipeline_writes(const pipeline *pipeline, uint32_t binding) { return pipeline->interface.bindings[binding].writes; }

bool pipeline_is_made(const mote_device *device, const char *shader_name, const uint32_t *spec, uint32_t spec_count) {
  const shader *shader = choose_shader(device, shader_name);
  return shader && find(device, shader, spec, spec_count);
}

// The pipeline is made but not yet in the device's list. Changes nothing of the device, so that several threads may do it.
static mote_status make(mote_device *device, const pipeline_request *request, pipeline **out, mote_error *error) {
  *out = NULL;
  const shader *shader = choose_shader(device, request->shader_name);
  if (!shader) return fail(error, MOTE_ERROR_DEVICE, "there is no shader called %s", request->shader_name);
  if (request->spec_count > MAX_SPEC_CONSTANTS)
    return fail(error, MOTE_ERROR_USAGE, "shader %s: %u constants, at most %d", request->shader_name,
                request->spec_count, MAX_SPEC_CONSTANTS);
  pipeline *made = calloc(1, sizeof *made);
  if (!made) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  made->shader = shader;
  made->spec_count = request->spec_count;
  if (request->spec_count) memcpy(made->spec, request->spec, 4 * request->spec_count);
  mote_status status = spirv_reflect(shader, &made->interface, error);
  if (!status) status = check_binding_count(device, made, error);
  if (!status) status = create_layouts(device, made, error);
  if (!status) status = create_pipeline(device, made, error);
  if (status)
    pipeline_destroy(device, made);
  else
    *out = made;
  return status;
}

static void keep(mote_device *device, pipeline *pipeline) {
  device->counters.pipelines_created++;
  pipeline->next = device->pipelines;
  device->pipelines = pipeline;
}

mote_status pipeline_get(mote_device *device, const char *shader_name, const uint32_t *spec, uint32_t spec_count,
                         pipeline **out, mote_error *error) {
  const shader *shader = choose_shader(device, shader_name);
  *out = shader ? find(device, shader, spec, spec_count) : NULL;
  if (*out) return MOTE_OK;
  TRY(make(device, &(pipeline_request){shader_name, spec, spec_count}, out, error));
  keep(device, *out);
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Several at once

typedef struct making {
  mote_device *device;
  pipeline_request request;
  size_t words;  // of its SPIR-V
  pipeline *made;
  mote_status status;
  mote_error error;
} making;

static void make_one(void *data, uint32_t index) {
  making *making = (struct making *)data + index;
  making->status = make(making->device, &making->request, &making->made, &making->error);
}

static bool same_request(const pipeline_request *a, const pipeline_request *b) {
  return a->spec_count == b->spec_count && !strcmp(a->shader_name, b->shader_name) &&
         (!a->spec_count || !memcmp(a->spec, b->spec, a->spec_count * sizeof *a->spec));
}

// Long shaders take long to compile: they go first, or the last thread would end late.
static int longer_first(const void *a, const void *b) {
  size_t left = ((const making *)a)->words, right = ((const making *)b)->words;
  return (left < right) - (left > right);
}

// Those that are neither made nor repeated. Returns how many.
static uint32_t collect(mote_device *device, const pipeline_request *requests, size_t count, making *makings) {
  uint32_t found = 0;
  for (size_t i = 0; i < count; i++) {
    const pipeline_request *request = &requests[i];
    bool known = pipeline_is_made(device, request->shader_name, request->spec, request->spec_count);
    for (uint32_t k = 0; k < found && !known; k++) known = same_request(request, &makings[k].request);
    if (known) continue;
    const shader *shader = choose_shader(device, request->shader_name);
    makings[found++] = (making){.device = device, .request = *request, .words = shader ? shader->word_count : 0};
  }
  return found;
}

mote_status pipelines_make(mote_device *device, const pipeline_request *requests, size_t count, mote_error *error) {
  making *makings = calloc(count + 1, sizeof *makings);
  if (!makings) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  uint32_t found = collect(device, requests, count, makings);
  qsort(makings, found, sizeof *makings, longer_first);
  if (device->parallel && found > 1)
    device->parallel(device->parallel_user, make_one, makings, found);
  else
    for (uint32_t i = 0; i < found; i++) make_one(makings, i);
  const making *failed = NULL;
  for (uint32_t i = 0; i < found && !failed; i++)
    if (makings[i].status || !makings[i].made) failed = &makings[i];
  mote_status status = MOTE_OK;
  if (failed)
    status = failed->status ? fail(error, failed->status, "%s", failed->error.message)
                            : fail(error, MOTE_ERROR_USAGE, "mote_parallel_fn: returned before all jobs were run");
  for (uint32_t i = 0; i < found; i++) {
    if (!makings[i].made) continue;
    if (failed)
      pipeline_destroy(device, makings[i].made);
    else
      keep(device, makings[i].made);
  }
  free(makings);
  return status;
}

void pipeline_destroy_all(mote_device *device) {
  while (device->pipelines) {
    pipeline *next = device->pipelines->next;
    pipeline_destroy(device, device->pipelines);
    device->pipelines = next;
  }
}

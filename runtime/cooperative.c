// cooperative.c: which devices multiply matrices of 16 × 16 × 16, fp16 to fp32, in subgroups of one known size.
#include "runtime/cooperative.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/vulkan.h"

void *cooperative_chain(cooperative_features *features, VkBool32 value) {
  *features = (cooperative_features){
      .matrix = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, .cooperativeMatrix = value},
      .subgroups = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                    .subgroupSizeControl = value,
                    .computeFullSubgroups = value},
      .v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
              .shaderFloat16 = value,
              .vulkanMemoryModel = value}};
  features->matrix.pNext = &features->subgroups;
  features->subgroups.pNext = &features->v12;
  return &features->matrix;
}

bool cooperative_complete(const cooperative_features *f) {
  return f->matrix.cooperativeMatrix && f->subgroups.subgroupSizeControl && f->subgroups.computeFullSubgroups &&
         f->v12.shaderFloat16 && f->v12.vulkanMemoryModel;
}

static bool has_shape(const instance_functions *vk, VkPhysicalDevice physical) {
  uint32_t count = 0;
  bool found = false;
  if (vk->vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &count, NULL)) return false;
  VkCooperativeMatrixPropertiesKHR *shapes = calloc(count + 1, sizeof *shapes);
  for (uint32_t i = 0; shapes && i < count; i++) shapes[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  if (shapes && vk->vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &count, shapes) >= 0)
    for (uint32_t i = 0; i < count; i++) {
      const VkCooperativeMatrixPropertiesKHR *s = &shapes[i];
      found |= s->MSize == 16 && s->NSize == 16 && s->KSize == 16 && s->scope == VK_SCOPE_SUBGROUP_KHR &&
               s->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && s->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
               s->CType == VK_COMPONENT_TYPE_FLOAT32_KHR && s->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR;
    }
  free(shapes);
  return found;
}

bool device_is_cooperative(const instance_functions *vk, VkPhysicalDevice physical) {
  static const char *const extensions[] = COOPERATIVE_EXTENSIONS;
  if (!vk->vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) return false;
  for (int i = 0; i < COOPERATIVE_EXTENSION_COUNT; i++)
    if (!physical_has_extension(vk, physical, extensions[i])) return false;
  cooperative_features features;
  VkPhysicalDeviceFeatures2 asked = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = cooperative_chain(&features, VK_FALSE)};
  vk->vkGetPhysicalDeviceFeatures2(physical, &asked);
  VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
  VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes};
  vk->vkGetPhysicalDeviceProperties2(physical, &properties);
  return cooperative_complete(&features) && sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT &&
         has_shape(vk, physical);
}

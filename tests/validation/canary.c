// canary.c: a program with one fault of the kind asked for, so that tests/validation lanes can show that the layer they
// run under sees it. `canary hazard`: two dispatches write one buffer with no barrier between them. `canary overrun`:
// a dispatch writes past the end of its buffer. `canary leak`: the buffer is never destroyed. `canary none`: no fault.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <volk.h>

#define ELEMENTS 64
#define CHECK(call) check(call, #call)

static const uint32_t words[] = {
#include "validation/canary.inc"
};

static void check(VkResult result, const char *call) {
  if (result == VK_SUCCESS) return;
  fprintf(stderr, "canary: %s: VkResult %d\n", call, result);
  exit(1);
}

typedef struct canary {
  VkInstance instance;
  VkDevice device;
  VkQueue queue;
  VkBuffer buffer;
  VkDeviceMemory memory;
  VkDescriptorSetLayout set_layout;
  VkPipelineLayout layout;
  VkPipeline pipeline;
  VkDescriptorPool descriptor_pool;
  VkDescriptorSet set;
  VkCommandPool pool;
} canary;

static void device_open(canary *c) {
  CHECK(volkInitialize());
  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_2};
  CHECK(vkCreateInstance(&(VkInstanceCreateInfo){.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                                 .pApplicationInfo = &application}, NULL, &c->instance));
  volkLoadInstance(c->instance);
  VkPhysicalDevice physical;
  VkResult result = vkEnumeratePhysicalDevices(c->instance, &(uint32_t){1}, &physical);
  if (result != VK_INCOMPLETE) CHECK(result);
  VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1,
                                   .pQueuePriorities = &(float){1}};
  CHECK(vkCreateDevice(physical, &(VkDeviceCreateInfo){.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                                       .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue},
                       NULL, &c->device));
  volkLoadDevice(c->device);
  vkGetDeviceQueue(c->device, 0, 0, &c->queue);
}

static void buffer_make(canary *c) {
  CHECK(vkCreateBuffer(c->device, &(VkBufferCreateInfo){.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                                        .size = ELEMENTS * sizeof(float),
                                                        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT},
                       NULL, &c->buffer));
  VkMemoryRequirements needs;
  vkGetBufferMemoryRequirements(c->device, c->buffer, &needs);
  uint32_t type = 0;
  while (!(needs.memoryTypeBits >> type & 1)) type++;
  CHECK(vkAllocateMemory(c->device, &(VkMemoryAllocateInfo){.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                                            .allocationSize = needs.size, .memoryTypeIndex = type},
                         NULL, &c->memory));
  CHECK(vkBindBufferMemory(c->device, c->buffer, c->memory, 0));
}

static void pipeline_make(canary *c) {
  VkDescriptorSetLayoutBinding binding = {.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .descriptorCount = 1,
                                          .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  CHECK(vkCreateDescriptorSetLayout(
      c->device, &(VkDescriptorSetLayoutCreateInfo){.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                    .bindingCount = 1, .pBindings = &binding}, NULL, &c->set_layout));
  VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = sizeof(uint32_t)};
  CHECK(vkCreatePipelineLayout(
      c->device, &(VkPipelineLayoutCreateInfo){.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .setLayoutCount = 1, .pSetLayouts = &c->set_layout,
                                               .pushConstantRangeCount = 1, .pPushConstantRanges = &range},
      NULL, &c->layout));
  VkShaderModule module;
  CHECK(vkCreateShaderModule(c->device, &(VkShaderModuleCreateInfo){.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                                                    .codeSize = sizeof words, .pCode = words},
                             NULL, &module));
  VkComputePipelineCreateInfo pipeline = {
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module, .pName = "main"},
      .layout = c->layout};
  CHECK(vkCreateComputePipelines(c->device, VK_NULL_HANDLE, 1, &pipeline, NULL, &c->pipeline));
  vkDestroyShaderModule(c->device, module, NULL);
}

static void descriptors_make(canary *c) {
  VkDescriptorPoolSize size = {.type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .descriptorCount = 1};
  CHECK(vkCreateDescriptorPool(c->device, &(VkDescriptorPoolCreateInfo){
                                              .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1,
                                              .poolSizeCount = 1, .pPoolSizes = &size}, NULL, &c->descriptor_pool));
  CHECK(vkAllocateDescriptorSets(c->device, &(VkDescriptorSetAllocateInfo){
                                                .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                                .descriptorPool = c->descriptor_pool, .descriptorSetCount = 1,
                                                .pSetLayouts = &c->set_layout}, &c->set));
  VkDescriptorBufferInfo whole = {.buffer = c->buffer, .range = VK_WHOLE_SIZE};
  vkUpdateDescriptorSets(c->device, 1, &(VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                                               .dstSet = c->set, .descriptorCount = 1,
                                                               .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                               .pBufferInfo = &whole}, 0, NULL);
}

// Two dispatches that write `count` elements each, with a barrier between them or not.
static void run(canary *c, uint32_t count, int barrier) {
  VkCommandBuffer commands;
  CHECK(vkCreateCommandPool(c->device, &(VkCommandPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO},
                            NULL, &c->pool));
  CHECK(vkAllocateCommandBuffers(c->device, &(VkCommandBufferAllocateInfo){
                                                .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = c->pool, .commandBufferCount = 1}, &commands));
  CHECK(vkBeginCommandBuffer(commands,
                             &(VkCommandBufferBeginInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO}));
  vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, c->pipeline);
  vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, c->layout, 0, 1, &c->set, 0, NULL);
  vkCmdPushConstants(commands, c->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof count, &count);
  vkCmdDispatch(commands, 2, 1, 1);
  VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                            .dstAccessMask = VK_ACCESS_SHADER_WRITE_BIT};
  if (barrier)
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1,
                         &memory, 0, NULL, 0, NULL);
  vkCmdDispatch(commands, 2, 1, 1);
  CHECK(vkEndCommandBuffer(commands));
  VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
  CHECK(vkQueueSubmit(c->queue, 1, &submit, VK_NULL_HANDLE));
  CHECK(vkQueueWaitIdle(c->queue));
}

static void device_close(canary *c, int leak) {
  vkDestroyCommandPool(c->device, c->pool, NULL);
  vkDestroyDescriptorPool(c->device, c->descriptor_pool, NULL);
  vkDestroyPipeline(c->device, c->pipeline, NULL);
  vkDestroyPipelineLayout(c->device, c->layout, NULL);
  vkDestroyDescriptorSetLayout(c->device, c->set_layout, NULL);
  if (!leak) vkDestroyBuffer(c->device, c->buffer, NULL);
  vkFreeMemory(c->device, c->memory, NULL);
  vkDestroyDevice(c->device, NULL);
  vkDestroyInstance(c->instance, NULL);
}

int main(int argc, char **argv) {
  const char *fault = argc == 2 ? argv[1] : "";
  if (strcmp(fault, "none") && strcmp(fault, "hazard") && strcmp(fault, "overrun") && strcmp(fault, "leak")) {
    fprintf(stderr, "canary: found \"%s\", expected none, hazard, overrun or leak\n", fault);
    return 2;
  }
  canary c = {0};
  device_open(&c);
  buffer_make(&c);
  pipeline_make(&c);
  descriptors_make(&c);
  run(&c, strcmp(fault, "overrun") ? ELEMENTS : ELEMENTS + 36, strcmp(fault, "hazard") != 0);
  device_close(&c, strcmp(fault, "leak") == 0);
  return 0;
}

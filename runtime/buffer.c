// buffer.c: device memory: mapped where it is the host's own, staged through a copy elsewhere.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/vulkan.h"

// The first memory type that `types` allows with all of `flags`; UINT32_MAX if there is none.
static uint32_t find_memory_type(const mote_device *device, uint32_t types, VkMemoryPropertyFlags flags) {
  for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++)
    if ((types >> i & 1) && (device->memory.memoryTypes[i].propertyFlags & flags) == flags) return i;
  return UINT32_MAX;
}

// The one of a buffer that the host maps, or does not.
static uint32_t type_of_buffer(const mote_device *device, uint32_t types, bool mapped) {
  const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  const VkMemoryPropertyFlags wanted = mapped ? host : VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  const uint32_t type = find_memory_type(device, types, mapped ? wanted | VK_MEMORY_PROPERTY_HOST_CACHED_BIT : wanted);
  return type == UINT32_MAX ? find_memory_type(device, types, wanted) : type;
}

static mote_status allocate(buffer *buffer, bool mapped, mote_error *error) {
  mote_device *device = buffer->device;
  VkMemoryRequirements requirements;
  device->vk.vkGetBufferMemoryRequirements(device->handle, buffer->handle, &requirements);
  const uint32_t type = type_of_buffer(device, requirements.memoryTypeBits, mapped);
  if (type == UINT32_MAX) return fail(error, MOTE_ERROR_DEVICE, "the device offers no memory of the kind a buffer needs");
  const VkMemoryAllocateInfo info = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = requirements.size, .memoryTypeIndex = type};
  VkResult result = device->memory_limit && device->counters.memory_bytes + requirements.size > device->memory_limit
                        ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                        : device->vk.vkAllocateMemory(device->handle, &info, device->allocator, &buffer->memory);
  if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
    return fail(error, MOTE_ERROR_MEMORY, "the device has no room for %zu MiB more (it holds %zu MiB): a smaller batch needs less",
                (size_t)(requirements.size >> 20), (size_t)(device->counters.memory_bytes >> 20));
  TRY(CHECK(error, result));
  buffer->allocated_bytes = requirements.size;
  device->counters.memory_bytes += requirements.size;
  if (device->counters.memory_bytes > device->counters.memory_peak_bytes)
    device->counters.memory_peak_bytes = device->counters.memory_bytes;
  TRY(CHECK(error, device->vk.vkBindBufferMemory(device->handle, buffer->handle, buffer->memory, 0)));
  if (mapped)
    return CHECK(error, device->vk.vkMapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->mapped));
  return MOTE_OK;
}

static size_t whole_texels(size_t bytes) { return (bytes + 15) / 16 * 16; }

static mote_status create_handle(mote_device *device, size_t bytes, VkBuffer *out, mote_error *error) {
  const VkBufferCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
      .size = bytes,
      .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_STORAGE_TEXEL_BUFFER_BIT |
               VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
  return CHECK(error, device->vk.vkCreateBuffer(device->handle, &info, device->allocator, out));
}

mote_status buffer_measure(mote_device *device, size_t bytes, uint64_t *allocated_bytes, mote_error *error) {
  VkBuffer handle;
  VkMemoryRequirements requirements;
  TRY(create_handle(device, whole_texels(bytes), &handle, error));
  device->vk.vkGetBufferMemoryRequirements(device->handle, handle, &requirements);
  device->vk.vkDestroyBuffer(device->handle, handle, device->allocator);
  *allocated_bytes = requirements.size;
  return MOTE_OK;
}

mote_status buffer_find_heap(mote_device *device, mote_error *error) {
  VkBuffer handle;
  VkMemoryRequirements requirements;
  TRY(create_handle(device, 16, &handle, error));
  device->vk.vkGetBufferMemoryRequirements(device->handle, handle, &requirements);
  device->vk.vkDestroyBuffer(device->handle, handle, device->allocator);
  const uint32_t type = type_of_buffer(device, requirements.memoryTypeBits, device->mapped);
  device->heap = type == UINT32_MAX ? 0 : device->memory.memoryTypes[type].heapIndex;
  return MOTE_OK;
}

// 0 where the system does not say.
static uint64_t machine_bytes(void) {
#ifdef _SC_PHYS_PAGES
  const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : 0;
#else
  return 0;
#endif
}

static uint64_t less(uint64_t whole, uint64_t part) { return whole > part ? whole - part : 0; }

mote_device_memory mote_device_get_memory(const mote_device *device) {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
  VkPhysicalDeviceMemoryProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
  if (device->tells_budget) properties.pNext = &budget;
  device->instance_vk.vkGetPhysicalDeviceMemoryProperties2(device->physical, &properties);
  const uint64_t held = device->counters.memory_bytes, size = properties.memoryProperties.memoryHeaps[device->heap].size;
  // Some CPU drivers call a heap less than there is.
  const uint64_t machine = device->info.type == MOTE_DEVICE_CPU ? machine_bytes() : 0;
  mote_device_memory memory = {
      .free_bytes = device->tells_budget ? less(budget.heapBudget[device->heap], budget.heapUsage[device->heap])
                                         : less(machine > size ? machine : size, held),
      .allocation_bytes = size < device->max_allocation_bytes ? size : device->max_allocation_bytes};
  const uint64_t allowed = device->memory_limit ? less(device->memory_limit, held) : memory.free_bytes;
  if (allowed < memory.free_bytes) memory.free_bytes = allowed;
  return memory;
}

static mote_status create(mote_device *device, size_t bytes, const char *name, bool mapped, buffer **out,
                          mote_error *error) {
  *out = NULL;
  buffer *made = calloc(1, sizeof *made);
  if (!made) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  made->device = device;
  made->bytes = whole_texels(bytes);
  mote_status status = create_handle(device, made->bytes, &made->handle, error);
  if (!status) status = allocate(made, mapped, error);
  if (status) {
    buffer_destroy(&made);
    return status;
  }
  device_name_object(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)(uintptr_t)made->handle, name);
  device_name_object(device, VK_OBJECT_TYPE_DEVICE_MEMORY, (uint64_t)(uintptr_t)made->memory, name);
  *out = made;
  return MOTE_OK;
}

mote_status buffer_create(mote_device *device, size_t bytes, const char *name, buffer **out, mote_error *error) {
  return create(device, bytes, name, device->mapped, out, error);
}

mote_status buffer_create_mapped(mote_device *device, size_t bytes, const char *name, buffer **out, mote_error *error) {
  return create(device, bytes, name, true, out, error);
}

const void *buffer_mapped(const buffer *buffer) { return buffer->mapped; }
bool device_stages(const mote_device *device) { return !device->mapped; }

void buffer_destroy(buffer **pointer) {
  buffer *buffer = *pointer;
  *pointer = NULL;
  if (!buffer) return;
  mote_device *device = buffer->device;
  device->vk.vkDestroyBuffer(device->handle, buffer->handle, device->allocator);
  device->vk.vkFreeMemory(device->handle, buffer->memory, device->allocator);
  device->counters.memory_bytes -= buffer->allocated_bytes;
  free(buffer);
}

size_t buffer_bytes(const buffer *buffer) { return buffer->bytes; }

// Copies between `target` and a staging buffer made for the purpose: `upload` or download.
static mote_status copy_staged(buffer *target, size_t offset, void *data, size_t bytes, bool upload,
                               mote_error *error) {
  mote_device *device = target->device;
  buffer *staging;
  TRY(create(device, bytes, "staging", true, &staging, error));
  if (upload) memcpy(staging->mapped, data, bytes);
  VkCommandBuffer commands = NULL;
  mote_status status = device_begin_once(device, &commands, error);
  if (!status) {
    const VkBufferCopy region = {
        .srcOffset = upload ? 0 : offset, .dstOffset = upload ? offset : 0, .size = bytes};
    device->vk.vkCmdCopyBuffer(commands, upload ? staging->handle : target->handle,
                               upload ? target->handle : staging->handle, 1, &region);
    status = device_end_once(device, commands, error);
  }
  if (!status && !upload) memcpy(data, staging->mapped, bytes);
  buffer_destroy(&staging);
  return status;
}

mote_status buffer_upload(buffer *buffer, size_t offset, const void *data, size_t bytes, mote_error *error) {
  if (!buffer->mapped) return copy_staged(buffer, offset, (void *)(uintptr_t)data, bytes, true, error);
  memcpy((char *)buffer->mapped + offset, data, bytes);
  return MOTE_OK;
}

mote_status buffer_download(buffer *buffer, size_t offset, void *data, size_t bytes, mote_error *error) {
  if (!buffer->mapped) return copy_staged(buffer, offset, data, bytes, false, error);
  memcpy(data, (const char *)buffer->mapped + offset, bytes);
  return MOTE_OK;
}

mote_status buffer_copy(buffer *from, buffer *to, size_t bytes, int times, mote_error *error) {
  mote_device *device = from->device;
  VkCommandBuffer commands = NULL;
  TRY(device_begin_once(device, &commands, error));
  const VkBufferCopy region = {.size = bytes};
  const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                   .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                   .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT};
  for (int i = 0; i < times; i++) {
    if (i > 0)
      device->vk.vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1,
                                      &barrier, 0, NULL, 0, NULL);
    device->vk.vkCmdCopyBuffer(commands, from->handle, to->handle, 1, &region);
  }
  return device_end_once(device, commands, error);
}

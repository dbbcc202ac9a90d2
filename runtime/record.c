// record.c: copies, updates and their barriers in a host's command buffer.
#include "runtime/record.h"

#include "runtime/vulkan.h"

enum { MAX_UPDATE_BYTES = 65536, MAX_REGIONS = 256 };

typedef struct side {
  VkPipelineStageFlags stages;
  VkAccessFlags access;
} side;

static side side_of(unsigned kinds) {
  side side = {0};
  if (kinds & RECORD_COMPUTE) {
    side.stages |= VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    side.access |= VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
  }
  if (kinds & RECORD_TRANSFER) {
    side.stages |= VK_PIPELINE_STAGE_TRANSFER_BIT;
    side.access |= VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  }
  if (kinds & RECORD_HOST) {
    side.stages |= VK_PIPELINE_STAGE_HOST_BIT;
    side.access |= VK_ACCESS_HOST_READ_BIT;
  }
  return side;
}

static void order(mote_device *device, VkCommandBuffer into, side earlier, side later) {
  const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                   .srcAccessMask = earlier.access,
                                   .dstAccessMask = later.access};
  device->vk.vkCmdPipelineBarrier(into, earlier.stages, later.stages, 0, 1, &barrier, 0, NULL, 0, NULL);
  device->counters.barriers_recorded++;
}

void record_order(mote_device *device, VkCommandBuffer into, unsigned earlier, unsigned later) {
  order(device, into, side_of(earlier), side_of(later));
}

void record_update(buffer *target, size_t offset, const void *data, size_t bytes, VkCommandBuffer into) {
  for (size_t at = 0; at < bytes; at += MAX_UPDATE_BYTES) {
    size_t piece = bytes - at < MAX_UPDATE_BYTES ? bytes - at : MAX_UPDATE_BYTES;
    target->device->vk.vkCmdUpdateBuffer(into, target->handle, offset + at, piece, (const char *)data + at);
  }
}

void record_copy(buffer *from, size_t from_offset, buffer *to, size_t to_offset, size_t bytes, VkCommandBuffer into) {
  const VkBufferCopy region = {from_offset, to_offset, bytes};
  from->device->vk.vkCmdCopyBuffer(into, from->handle, to->handle, 1, &region);
}

void record_to_host_buffer(buffer *from, size_t bytes, VkBuffer to, VkDeviceSize offset, VkCommandBuffer into) {
  const side all = {VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
  const VkBufferCopy region = {0, offset, bytes};
  order(from->device, into, all, side_of(RECORD_TRANSFER));
  from->device->vk.vkCmdCopyBuffer(into, from->handle, to, 1, &region);
  order(from->device, into, side_of(RECORD_TRANSFER), all);
}

// ---------------------------------------------------------------------------------------------------------------------
// Images

static VkImageSubresourceRange range_of(const mote_image_output *output) {
  uint32_t first = output->regions[0].array_layer, last = first;
  for (uint32_t i = 1; i < output->region_count; i++) {
    uint32_t layer = output->regions[i].array_layer;
    first = layer < first ? layer : first;
    last = layer > last ? layer : last;
  }
  return (VkImageSubresourceRange){VK_IMAGE_ASPECT_COLOR_BIT, output->mip_level, 1, first, last - first + 1};
}

static void move_image(mote_device *device, VkCommandBuffer into, VkImageMemoryBarrier barrier,
                       const VkPipelineStageFlags stages[2]) {
  barrier.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
  device->vk.vkCmdPipelineBarrier(into, stages[0], stages[1], 0, 0, NULL, 0, NULL, 1, &barrier);
  device->counters.barriers_recorded++;
}

static void open_image(mote_device *device, const mote_image_output *output, VkCommandBuffer into) {
  VkAccessFlags before = output->before_access ? output->before_access
                                               : VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
  VkPipelineStageFlags stages = output->before_stages ? output->before_stages : VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  move_image(device, into,
             (VkImageMemoryBarrier){.srcAccessMask = output->acquire ? 0 : before,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .oldLayout = output->old_layout,
                                    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                                    .srcQueueFamilyIndex = output->acquire ? output->before_family
                                                                           : VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = output->acquire ? device->queue_family
                                                                           : VK_QUEUE_FAMILY_IGNORED,
                                    .image = output->image,
                                    .subresourceRange = range_of(output)},
             (VkPipelineStageFlags[]){stages, VK_PIPELINE_STAGE_TRANSFER_BIT});
}

static void close_image(mote_device *device, const mote_image_output *output, VkCommandBuffer into) {
  VkAccessFlags after = output->after_access ? output->after_access
                                             : VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
  VkPipelineStageFlags stages = output->after_stages ? output->after_stages : VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  move_image(device, into,
             (VkImageMemoryBarrier){.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .dstAccessMask = output->release ? 0 : after,
                                    .oldLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                                    .newLayout = output->new_layout,
                                    .srcQueueFamilyIndex = output->release ? device->queue_family
                                                                           : VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = output->release ? output->after_family
                                                                           : VK_QUEUE_FAMILY_IGNORED,
                                    .image = output->image,
                                    .subresourceRange = range_of(output)},
             (VkPipelineStageFlags[]){VK_PIPELINE_STAGE_TRANSFER_BIT, stages});
}

void record_to_image(buffer *from, uint32_t width, uint32_t height, const mote_image_output *output, VkCommandBuffer into) {
  VkBufferImageCopy copies[MAX_REGIONS];
  for (uint32_t i = 0; i < output->region_count && i < MAX_REGIONS; i++) {
    const mote_image_region *region = &output->regions[i];
    copies[i] = (VkBufferImageCopy){
        .bufferOffset = (VkDeviceSize)region->sample * width * height * 4,
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, output->mip_level, region->array_layer, 1},
        .imageOffset = {region->x, region->y, 0},
        .imageExtent = {width, height, 1}};
  }
  open_image(from->device, output, into);
  from->device->vk.vkCmdCopyBufferToImage(into, from->handle, output->image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                                          output->region_count, copies);
  close_image(from->device, output, into);
}

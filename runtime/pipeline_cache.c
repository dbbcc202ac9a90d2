// pipeline_cache.c: keeps the driver's compiled pipelines between runs, and trusts no byte of the file.
//
// File: 8 bytes "motepipe", the blob's FNV-1a hash and length (u64 little-endian each), the blob. The blob's own
// header (VkPipelineCacheHeaderVersionOne) must name this device and driver. Anything else is said, ignored, rewritten.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/file.h"
#include "runtime/hash.h"
#include "runtime/vulkan.h"

enum { PREFIX_BYTES = 24, CACHE_MAX_BYTES = 256 << 20 };
static const char magic[8] = {'m', 'o', 't', 'e', 'p', 'i', 'p', 'e'};

static uint64_t read_u64(const uint8_t *bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}

static void write_u64(uint8_t *bytes, uint64_t value) {
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> 8 * i);
}

// What is wrong with the file's bytes, or NULL.
static const char *find_fault(const mote_device *device, const uint8_t *data, size_t bytes) {
  if (bytes < PREFIX_BYTES || memcmp(data, magic, sizeof magic)) return "it is not a pipeline cache";
  uint64_t length = read_u64(data + 16);
  if (length != bytes - PREFIX_BYTES) return "it is truncated";
  const uint8_t *blob = data + PREFIX_BYTES;
  if (hash_bytes(HASH_START, blob, length) != read_u64(data + 8)) return "its checksum does not match";
  VkPipelineCacheHeaderVersionOne header;
  if (length < sizeof header) return "it is too short";
  memcpy(&header, blob, sizeof header);
  VkPhysicalDeviceProperties properties;
  device->instance_vk.vkGetPhysicalDeviceProperties(device->physical, &properties);
  if (header.headerVersion != VK_PIPELINE_CACHE_HEADER_VERSION_ONE) return "its header version is unknown";
  if (header.vendorID != properties.vendorID || header.deviceID != properties.deviceID ||
      memcmp(header.pipelineCacheUUID, properties.pipelineCacheUUID, VK_UUID_SIZE))
    return "it was made by another device or driver";
  return NULL;
}

mote_status pipeline_cache_create(mote_device *device, const char *directory, mote_error *error) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  if (directory) {
    size_t length = strlen(directory) + sizeof "/pipelines-.bin" + sizeof device->info.uuid;
    device->cache_path = malloc(length);
    if (!device->cache_path) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
    snprintf(device->cache_path, length, "%s/pipelines-%s.bin", directory, device->info.uuid);
    mote_error unreadable = {0};
    const char *fault = unreadable.message;
    if (!file_read_own(device->cache_path, CACHE_MAX_BYTES, &data, &bytes, &unreadable))
      fault = data ? find_fault(device, data, bytes) : NULL;
    if (fault) {
      device_log(device, "%s: ignored and will be rewritten: %s", device->cache_path, fault);
      free(data);
      data = NULL;
      bytes = 0;
    }
  }
  const VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                          .initialDataSize = data ? bytes - PREFIX_BYTES : 0,
                                          .pInitialData = data ? data + PREFIX_BYTES : NULL};
  device->cache_hash = data ? read_u64(data + 8) : 0;
  mote_status status =
      CHECK(error, device->vk.vkCreatePipelineCache(device->handle, &info, device->allocator, &device->pipeline_cache));
  free(data);
  return status;
}

// A cache that cannot be written is a warning: the next run is slower to start, nothing else.
static mote_status write_back(mote_device *device, mote_error *error) {
  size_t bytes = 0;
  TRY(CHECK(error, device->vk.vkGetPipelineCacheData(device->handle, device->pipeline_cache, &bytes, NULL)));
  uint8_t *data = malloc(PREFIX_BYTES + bytes);
  if (!data) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = CHECK(error, device->vk.vkGetPipelineCacheData(device->handle, device->pipeline_cache, &bytes,
                                                                      data + PREFIX_BYTES));
  uint64_t hash = status ? 0 : hash_bytes(HASH_START, data + PREFIX_BYTES, bytes);
  if (!status && hash != device->cache_hash) {
    memcpy(data, magic, sizeof magic);
    write_u64(data + 8, hash);
    write_u64(data + 16, bytes);
    file_writer writer = {0};
    status = file_writer_init_own(&writer, device->cache_path, error);
    if (!status) status = file_writer_write(&writer, data, PREFIX_BYTES + bytes, error);
    if (!status) status = file_writer_commit(&writer, error);
    file_writer_abort(&writer);
  }
  free(data);
  return status;
}

void pipeline_cache_destroy(mote_device *device) {
  mote_error error = {0};
  if (device->cache_path && device->pipeline_cache && device->counters.pipelines_created && write_back(device, &error))
    device_log(device, "pipeline cache not kept: %s", error.message);
  if (!device->keeps_pipeline_cache)
    device->vk.vkDestroyPipelineCache(device->handle, device->pipeline_cache, device->allocator);
  free(device->cache_path);
}

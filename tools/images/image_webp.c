// image_webp.c: decodes WebP with libwebp, where mote was built with it.
#include "tools/images/image_format.h"

#ifdef MOTE_WEBP
#include <webp/decode.h>

#include "runtime/error.h"

static const char *reason_of(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "no memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "a feature that libwebp does not know";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "it ends too early";
    default:
      return "its data make no sense";
  }
}

static mote_status decode(const encoded_image *file, image *image, int *file_channels, mote_error *error) {
  *image = (struct image){0};
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config))
    return fail(error, MOTE_ERROR_FORMAT, "%s: libwebp is another one than mote was built with", file->name);
  VP8StatusCode code = WebPGetFeatures(file->bytes, file->count, &config.input);
  if (code) return image_fail_damaged(file, "WebP", reason_of(code), error);
  if (config.input.has_animation)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: is an animated WebP image, expected a single one; save the frames that are "
                "wanted as PNG",
                file->name);
  mote_status status =
      image_create_rgba(file, (uint64_t)config.input.width, (uint64_t)config.input.height, image, error);
  if (status) return status;
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = (WebPRGBABuffer){
      .rgba = image->pixels, .stride = image->width * 4, .size = (size_t)image->width * (size_t)image->height * 4};
  code = WebPDecode(file->bytes, file->count, &config);
  WebPFreeDecBuffer(&config.output);
  *file_channels = config.input.has_alpha ? 4 : 3;
  if (!code) return MOTE_OK;
  image_finish(image);
  return image_fail_damaged(file, "WebP", reason_of(code), error);
}

const image_format webp_format = {"WebP", "libwebp", "WebP without libwebp", {".webp"}, decode};
#else
const image_format webp_format = {"WebP", "libwebp", "WebP without libwebp", {".webp"}, NULL};
#endif

// image_jpeg.c: decodes JPEG with libjpeg, where mote was built with it.
#include "tools/images/image_format.h"

#ifdef MOTE_JPEG
#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdio.h>

#include "runtime/error.h"

#define MAX_MEMORY (1L << 29)  // of coefficients, which progressive files keep of the whole image
#define MAX_SCANS 256          // a file of few bytes can go over all its pixels again and again

typedef struct reader {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  char reason[JMSG_LENGTH_MAX];
  image picture;
} reader;

_Noreturn static void stop(j_common_ptr jpeg) {
  reader *r = jpeg->client_data;
  r->errors.format_message(jpeg, r->reason);
  longjmp(r->failed, 1);
}

// libjpeg makes something of damaged data and calls it a warning. A few warnings are about nothing that pixels need.
static void note(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM) stop(jpeg);
}

static void count_scans(j_common_ptr jpeg) {
  reader *r = jpeg->client_data;
  if (r->jpeg.input_scan_number <= MAX_SCANS) return;
  snprintf(r->reason, sizeof r->reason, "it has more than %d scans", MAX_SCANS);
  longjmp(r->failed, 1);
}

static void open_file(reader *r, const encoded_image *file) {
  r->jpeg.err = jpeg_std_error(&r->errors);
  r->errors.error_exit = stop;
  r->errors.emit_message = note;
  r->jpeg.client_data = r;
  jpeg_create_decompress(&r->jpeg);
  r->progress.progress_monitor = count_scans;
  r->jpeg.progress = &r->progress;
  r->jpeg.mem->max_memory_to_use = MAX_MEMORY;
  jpeg_mem_src(&r->jpeg, file->bytes, (unsigned long)file->count);
  jpeg_read_header(&r->jpeg, TRUE);
}

static void read_lines(reader *r, uint8_t *line) {
  const int samples = r->jpeg.output_components;
  while (r->jpeg.output_scanline < r->jpeg.output_height) {
    uint8_t *rgba = r->picture.pixels + (size_t)r->jpeg.output_scanline * (size_t)r->picture.width * 4;
    jpeg_read_scanlines(&r->jpeg, &line, 1);
    for (int x = 0; x < r->picture.width; x++, rgba += 4) {
      for (int c = 0; c < 3; c++) rgba[c] = line[x * samples + (samples == 3 ? c : 0)];
      rgba[3] = 255;
    }
  }
}

static mote_status read_pixels(reader *r, const encoded_image *file, mote_error *error) {
  if (setjmp(r->failed)) return image_fail_damaged(file, "JPEG", r->reason, error);
  open_file(r, file);
  if (r->jpeg.num_components != 1 && r->jpeg.num_components != 3)
    return fail(error, MOTE_ERROR_FORMAT, "%s: is a JPEG image of %d channels (CMYK?), expected grey or RGB",
                file->name, r->jpeg.num_components);
  mote_status status = image_create_rgba(file, r->jpeg.image_width, r->jpeg.image_height, &r->picture, error);
  if (status) return status;
  r->jpeg.out_color_space = r->jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&r->jpeg);
  JSAMPARRAY line = r->jpeg.mem->alloc_sarray((j_common_ptr)&r->jpeg, JPOOL_IMAGE,
                                              r->jpeg.output_width * (JDIMENSION)r->jpeg.output_components, 1);
  read_lines(r, line[0]);
  jpeg_finish_decompress(&r->jpeg);
  return MOTE_OK;
}

static mote_status decode(const encoded_image *file, image *image, int *file_channels, mote_error *error) {
  reader r = {0};
  mote_status status = read_pixels(&r, file, error);
  *file_channels = r.jpeg.num_components;
  jpeg_destroy_decompress(&r.jpeg);
  if (status) image_finish(&r.picture);
  *image = r.picture;
  return status;
}

const image_format jpeg_format = {"JPEG", "libjpeg", "JPEG without libjpeg", {".jpg", ".jpeg"}, decode};
#else
const image_format jpeg_format = {"JPEG", "libjpeg", "JPEG without libjpeg", {".jpg", ".jpeg"}, NULL};
#endif

// file_kind.c: what a file is, by its first bytes, so that one that is not read is called by its name.
#include "runtime/file_kind.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define AS_PNG "save it as PNG"
#define AS_NPY "save the arrays that are wanted by numpy.save, or numpy.savez"
#define AS_SAFETENSORS "save its weights by safetensors.torch.save_file(model.state_dict(), path, metadata)"
#define UNPACK "unpack it first"

// To add a kind: a row. The first that fits is taken: `magic` at `offset`, and `within`, if any, somewhere in the first
// FILE_KIND_BYTES.
static const struct {
  file_kind kind;
  size_t offset;
  const char *magic;
  size_t magic_bytes;
  const char *within;
} kinds[] = {
#define MAGIC(offset, text) offset, text, sizeof text - 1
    {{"safetensors", "a safetensors file", "name it where a MODEL goes"}, MAGIC(8, "{\""), NULL},
    {{"PNG", "a PNG image", AS_PNG}, MAGIC(0, "\x89PNG\r\n\x1a\n"), NULL},
    {{"JPEG", "a JPEG image", AS_PNG}, MAGIC(0, "\xff\xd8\xff"), NULL},
    {{"WebP", "a WebP image", AS_PNG}, MAGIC(8, "WEBPVP8"), NULL},
    {{"GIF", "a GIF image", "save the frames that are wanted as PNG"}, MAGIC(0, "GIF8"), NULL},
    {{"TIFF", "a TIFF image", AS_PNG}, MAGIC(0, "II*\0"), NULL},
    {{"TIFF", "a TIFF image", AS_PNG}, MAGIC(0, "MM\0*"), NULL},
    {{"AVIF", "an AVIF image", AS_PNG}, MAGIC(4, "ftypavi"), NULL},
    {{"HEIF", "a HEIF image", AS_PNG}, MAGIC(4, "ftyphei"), NULL},
    {{"HEIF", "a HEIF image", AS_PNG}, MAGIC(4, "ftypmif1"), NULL},
    {{"JPEG XL", "a JPEG XL image", AS_PNG}, MAGIC(4, "JXL \r\n\x87\n"), NULL},
    {{"PSD", "a Photoshop document", AS_PNG}, MAGIC(0, "8BPS"), NULL},
    {{"Aseprite", "an Aseprite document", "export it as a PNG sheet"}, MAGIC(4, "\xe0\xa5"), NULL},
    {{"XCF", "a GIMP document", "export it as PNG"}, MAGIC(0, "gimp xcf"), NULL},
    {{"QOI", "a QOI image", AS_PNG}, MAGIC(0, "qoif"), NULL},
    {{"DDS", "a DDS image", AS_PNG}, MAGIC(0, "DDS "), NULL},
    {{"ICO", "an icon", AS_PNG}, MAGIC(0, "\0\0\1\0"), NULL},
    {{"PNM", "a PNM image", AS_PNG}, MAGIC(0, "P5\n"), NULL},
    {{"PNM", "a PNM image", AS_PNG}, MAGIC(0, "P6\n"), NULL},
    {{"SVG", "an SVG drawing", "draw it into a PNG"}, MAGIC(0, "<"), "<svg"},
    {{"PDF", "a PDF document", "save its pictures as PNG"}, MAGIC(0, "%PDF-"), NULL},

    {{"npy", "a NumPy array (.npy)", AS_NPY}, MAGIC(0, "\x93NUMPY"), NULL},
    {{"PyTorch", "a PyTorch checkpoint (.pth, .pt, .ckpt)", AS_SAFETENSORS}, MAGIC(0, "PK\3\4"), "data.pkl"},
    {{"npz", "a NumPy archive (.npz)", AS_NPY}, MAGIC(0, "PK\3\4"), ".npy"},
    {{"zip", "a zip archive", UNPACK}, MAGIC(0, "PK\3\4"), NULL},
    {{"zip", "an empty zip archive", UNPACK}, MAGIC(0, "PK\5\6"), NULL},
    {{"PyTorch", "an old PyTorch checkpoint, a Python pickle", AS_SAFETENSORS}, MAGIC(0, "\x80\2\x8a\x0al\xfc\x9c"), NULL},
    {{"pickle", "a Python pickle", AS_NPY}, MAGIC(0, "\x80\2"), NULL},
    {{"pickle", "a Python pickle", AS_NPY}, MAGIC(0, "\x80\3"), NULL},
    {{"pickle", "a Python pickle", AS_NPY}, MAGIC(0, "\x80\4\x95"), NULL},
    {{"pickle", "a Python pickle", AS_NPY}, MAGIC(0, "\x80\5\x95"), NULL},
    {{"GGUF", "a GGUF model", AS_SAFETENSORS}, MAGIC(0, "GGUF"), NULL},
    {{"GGML", "a GGML model", AS_SAFETENSORS}, MAGIC(0, "lmgg"), NULL},
    {{"TFLite", "a TensorFlow Lite model", AS_SAFETENSORS}, MAGIC(4, "TFL3"), NULL},
    {{"HDF5", "an HDF5 file", AS_NPY}, MAGIC(0, "\x89HDF\r\n\x1a\n"), NULL},
    {{"Parquet", "a Parquet table", AS_NPY}, MAGIC(0, "PAR1"), NULL},
    {{"MATLAB", "a MATLAB file", AS_NPY}, MAGIC(0, "MATLAB 5.0"), NULL},
    {{"IDX", "an IDX file, as MNIST has them",
      "skip its header: numpy.save('x.npy', numpy.fromfile(path, 'u1', offset=16).reshape(-1, 28, 28)), of labels "
      "numpy.fromfile(path, 'u1', offset=8)"},
     MAGIC(0, "\0\0\x08"), NULL},

    {{"gzip", "a gzip archive", UNPACK}, MAGIC(0, "\x1f\x8b\x08"), NULL},
    {{"bzip2", "a bzip2 archive", UNPACK}, MAGIC(0, "BZh"), NULL},
    {{"xz", "an xz archive", UNPACK}, MAGIC(1, "7zXZ\0"), NULL},
    {{"zstd", "a zstd archive", UNPACK}, MAGIC(0, "\x28\xb5\x2f\xfd"), NULL},
    {{"7z", "a 7z archive", UNPACK}, MAGIC(0, "7z\xbc\xaf\x27\x1c"), NULL},
    {{"RAR", "a RAR archive", UNPACK}, MAGIC(0, "Rar!\x1a\x07"), NULL},
    {{"tar", "a tar archive", UNPACK}, MAGIC(257, "ustar"), NULL},
    {{"SQLite", "an SQLite database", AS_NPY}, MAGIC(0, "SQLite format 3"), NULL},
    {{"ELF", "a program", "name another file"}, MAGIC(0, "\x7f" "ELF"), NULL},
    {{"LFS", "a pointer of Git LFS in the file's place", "git lfs pull fetches it"}, MAGIC(0, "version https://git-lfs"), NULL},
    // A byte or two, which may stand for much else.
    {{"BMP", "a BMP image", AS_PNG}, MAGIC(0, "BM"), NULL},
    {{"JPEG XL", "a JPEG XL image", AS_PNG}, MAGIC(0, "\xff\x0a"), NULL},
    {{"HTML", "HTML or XML", "a web page may have come in the file's place"}, MAGIC(0, "<"), NULL},
    {{"JSON", "JSON text", "name another file"}, MAGIC(0, "{"), NULL},
#undef MAGIC
};

static bool found_within(const uint8_t *bytes, size_t count, const char *text) {
  size_t length = strlen(text);
  for (size_t i = 0; i + length <= count && i + length <= FILE_KIND_BYTES; i++)
    if (!memcmp(bytes + i, text, length)) return true;
  return false;
}

static bool is_text(const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count && i < FILE_KIND_BYTES; i++)
    if (bytes[i] > 0x7e || (bytes[i] < 0x20 && bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\t')) return false;
  return count >= 8;
}

const file_kind *file_kind_of(const void *data, size_t count) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    size_t end = kinds[i].offset + kinds[i].magic_bytes;
    if (count < end || memcmp(bytes + kinds[i].offset, kinds[i].magic, kinds[i].magic_bytes)) continue;
    if (!kinds[i].within || found_within(bytes, count, kinds[i].within)) return &kinds[i].kind;
  }
  static const file_kind text = {"text", "text", "name another file"};
  return is_text(bytes, count) ? &text : NULL;
}

// other_format.c: file formats that people take for weights, by the bytes that they begin with.
#include "graph/other_format.h"

#include <stdbool.h>
#include <string.h>

#define CONVERT "; docs/formats.md says how PyTorch saves its state_dict as safetensors"

// To add a format: a row. The first that fits counts.
static const struct {
  const char *magic;
  size_t bytes, at;
  const char *inside;  // which also stands among the first bytes; NULL: nothing
  const char *name;
} formats[] = {
    {"PK\3\4", 4, 0, ".npy", "a .npz archive of NumPy, which holds arrays"},
    {"PK\3\4", 4, 0, "pkl", "a PyTorch checkpoint (.pth, .pt, .ckpt)" CONVERT},
    {"PK", 2, 0, NULL, "a zip archive, as PyTorch checkpoints (.pth, .pt, .ckpt) and .npz files are" CONVERT},
    {"\x80\2", 2, 0, NULL, "a Python pickle, as old PyTorch checkpoints (.pth, .pt) are" CONVERT},
    {"\x80\3", 2, 0, NULL, "a Python pickle, as old PyTorch checkpoints (.pth, .pt) are" CONVERT},
    {"\x80\4", 2, 0, NULL, "a Python pickle" CONVERT},
    {"\x80\5", 2, 0, NULL, "a Python pickle" CONVERT},
    {"GGUF", 4, 0, NULL, "a GGUF file, of llama.cpp"},
    {"lmgg", 4, 0, NULL, "a GGML file, of llama.cpp"},
    {"\x93NUMPY", 6, 0, NULL, "a .npy array of NumPy"},
    {"\x89HDF", 4, 0, NULL, "an HDF5 file, as Keras writes"},
    {"TFL3", 4, 4, NULL, "a TensorFlow Lite model"},
    {"\x89PNG", 4, 0, NULL, "a PNG image"},
    {"\xff\xd8\xff", 3, 0, NULL, "a JPEG image"},
    {"GIF8", 4, 0, NULL, "a GIF image"},
    {"WEBP", 4, 8, NULL, "a WebP image"},
    {"BM", 2, 0, NULL, "a BMP image"},
    {"\x1f\x8b", 2, 0, NULL, "compressed by gzip, expected it unpacked"},
    {"\x28\xb5\x2f\xfd", 4, 0, NULL, "compressed by zstd, expected it unpacked"},
    {"\xfd"
     "7zXZ",
     5, 0, NULL, "compressed by xz, expected it unpacked"},
    {"BZh", 3, 0, NULL, "compressed by bzip2, expected it unpacked"},
    {"7z\xbc\xaf", 4, 0, NULL, "a 7z archive"},
    {"SQLite format 3", 15, 0, NULL, "an SQLite database"},
    {"\x7f"
     "ELF",
     4, 0, NULL, "a program"},
    {"%PDF", 4, 0, NULL, "a PDF document"},
    {"version https://git-lfs", 23, 0, NULL, "a pointer of Git LFS in the file's place; git lfs pull fetches the file"},
    {"<", 1, 0, NULL, "HTML or XML, perhaps a web page in the file's place"},
    {"{", 1, 0, NULL, "JSON text"},
};

static bool is_text(const unsigned char *head, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (head[i] > 0x7e || (head[i] < 0x20 && head[i] != '\n' && head[i] != '\r' && head[i] != '\t')) return false;
  return bytes >= 8;
}

const char *other_format(const void *head, size_t bytes) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    if (bytes < formats[i].at + formats[i].bytes) continue;
    if (memcmp((const char *)head + formats[i].at, formats[i].magic, formats[i].bytes)) continue;
    if (!formats[i].inside || memmem(head, bytes, formats[i].inside, strlen(formats[i].inside))) return formats[i].name;
  }
  return is_text(head, bytes) ? "text" : NULL;
}

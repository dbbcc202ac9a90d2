// safetensors.c: parses hostile safetensors headers.
#include "graph/files/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/files/json.h"
#include "graph/ir/half.h"
#include "runtime/error.h"
#include "runtime/file_kind.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor bytes are copied as they are");

static const size_t max_header_bytes = 100000000;  // the official limit

static const struct {
  const char *name;
  size_t bytes;
} dtypes[SAFETENSORS_DTYPE_COUNT] = {
    [SAFETENSORS_BOOL] = {"BOOL", 1},       [SAFETENSORS_U8] = {"U8", 1},           [SAFETENSORS_I8] = {"I8", 1},
    [SAFETENSORS_F8_E5M2] = {"F8_E5M2", 1}, [SAFETENSORS_F8_E4M3] = {"F8_E4M3", 1}, [SAFETENSORS_I16] = {"I16", 2},
    [SAFETENSORS_U16] = {"U16", 2},         [SAFETENSORS_F16] = {"F16", 2},         [SAFETENSORS_BF16] = {"BF16", 2},
    [SAFETENSORS_I32] = {"I32", 4},         [SAFETENSORS_U32] = {"U32", 4},         [SAFETENSORS_F32] = {"F32", 4},
    [SAFETENSORS_F64] = {"F64", 8},         [SAFETENSORS_I64] = {"I64", 8},         [SAFETENSORS_U64] = {"U64", 8},
};

const char *safetensors_dtype_name(safetensors_dtype dtype) {
  return dtypes[dtype].name;
}
size_t safetensors_dtype_bytes(safetensors_dtype dtype) {
  return dtypes[dtype].bytes;
}
bool safetensors_dtype_is_float(safetensors_dtype dtype) {
  return dtype == SAFETENSORS_F32 || dtype == SAFETENSORS_F16 || dtype == SAFETENSORS_BF16 || dtype == SAFETENSORS_F64;
}

static const uint64_t UNKNOWN = UINT64_MAX;

// What the checks of one file share.
typedef struct parser {
  const char *name;
  const json *header;
  const uint8_t *data;  // after the header; NULL: not read yet
  uint64_t data_bytes;  // UNKNOWN of a pipe
  mote_error *error;
} parser;

// JSON numbers arrive as doubles; below 2^53 they are the integers that the file says.
static bool read_integer(const json *header, int item, uint64_t *value) {
  double number;
  if (item < 0 || !json_number(header, item, &number)) return false;
  if (!(number >= 0 && number < 0x1p53) || number != floor(number)) return false;
  *value = (uint64_t)number;
  return true;
}

// Zeros are left out of the overflow check's product, so that no part of the shape overflows either.
bool safetensors_shape_bytes(const uint64_t *dims, int dim_count, size_t element_bytes, size_t *bytes) {
  size_t product = element_bytes;
  bool empty = false;
  for (int i = 0; i < dim_count; i++) {
    if (dims[i] == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, dims[i], &product))
      return false;
  }
  *bytes = empty ? 0 : product;
  return true;
}

static bool has_type(const parser *p, int item, json_type type) {
  return item >= 0 && json_get_type(p->header, item) == type;
}

static mote_status read_dtype(const parser *p, const char *tensor, int item, safetensors_dtype *dtype) {
  if (!has_type(p, item, JSON_STRING))
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: tensor '%s' has no dtype string", p->name, tensor);
  const char *found = json_string(p->header, item);
  for (int i = 0; i < SAFETENSORS_DTYPE_COUNT; i++) {
    if (!strcmp(found, dtypes[i].name)) {
      *dtype = (safetensors_dtype)i;
      return MOTE_OK;
    }
  }
  return fail(p->error, MOTE_ERROR_FORMAT,
              "%s: tensor '%s' has the unknown dtype '%s', expected one such as F32, F16, BF16 or F64", p->name, tensor, found);
}

static mote_status read_shape(const parser *p, const char *tensor, int item, safetensors_entry *entry) {
  if (!has_type(p, item, JSON_ARRAY))
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: tensor '%s' has no shape array", p->name, tensor);
  for (int dim = json_first(p->header, item); dim >= 0; dim = json_next(p->header, dim)) {
    if (entry->dim_count == SAFETENSORS_MAX_DIMS)
      return fail(p->error, MOTE_ERROR_FORMAT, "%s: the shape of tensor '%s' has %d dimensions, expected at most %d",
                  p->name, tensor, json_count(p->header, item), SAFETENSORS_MAX_DIMS);
    if (!read_integer(p->header, dim, &entry->dims[entry->dim_count]))
      return fail(p->error, MOTE_ERROR_FORMAT,
                  "%s: dimension %d in the shape of tensor '%s' is not an integer from 0 to 2^53 - 1", p->name,
                  entry->dim_count, tensor);
    entry->dim_count++;
  }
  if (!safetensors_shape_bytes(entry->dims, entry->dim_count, dtypes[entry->dtype].bytes, &entry->bytes))
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: the shape of tensor '%s' overflows 64 bits", p->name, tensor);
  entry->element_count = entry->bytes / dtypes[entry->dtype].bytes;
  return MOTE_OK;
}

static mote_status read_offsets(const parser *p, const char *tensor, int item, safetensors_entry *entry) {
  uint64_t begin, end;
  const int first =
      has_type(p, item, JSON_ARRAY) && json_count(p->header, item) == 2 ? json_first(p->header, item) : -1;
  if (!read_integer(p->header, first, &begin) || !read_integer(p->header, json_next(p->header, first), &end))
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: data_offsets of tensor '%s' are not two integers from 0 to 2^53 - 1",
                p->name, tensor);
  unsigned long long from = begin, to = end;
  if (begin > end)
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: data_offsets [%llu, %llu] of tensor '%s' run backwards", p->name,
                from, to, tensor);
  if (end > p->data_bytes)
    return fail(p->error, MOTE_ERROR_FORMAT,
                "%s: data_offsets [%llu, %llu] of tensor '%s' exceed the file's %llu bytes of data; is it cut short?",
                p->name, from, to, tensor, (unsigned long long)p->data_bytes);
  if (end - begin != entry->bytes)
    return fail(p->error, MOTE_ERROR_FORMAT,
                "%s: data_offsets [%llu, %llu] of tensor '%s' span %llu bytes, its dtype and shape need %zu", p->name,
                from, to, tensor, to - from, entry->bytes);
  entry->begin = begin;
  entry->data = p->data ? p->data + begin : NULL;
  return MOTE_OK;
}

// Unknown members are passed over, as the official reader does.
static mote_status read_entry(const parser *p, int key, safetensors_entry *entry) {
  const char *tensor = entry->name = json_string(p->header, key);
  const int item = json_first(p->header, key);
  if (!has_type(p, item, JSON_OBJECT))
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: tensor '%s' is not described by a JSON object", p->name, tensor);
  static const char *const keys[3] = {"dtype", "shape", "data_offsets"};
  int values[3] = {-1, -1, -1};
  for (int member = json_first(p->header, item); member >= 0; member = json_next(p->header, member)) {
    for (int i = 0; i < 3; i++) {
      if (strcmp(json_string(p->header, member), keys[i])) continue;
      if (values[i] >= 0)
        return fail(p->error, MOTE_ERROR_FORMAT, "%s: tensor '%s' has more than one %s", p->name, tensor, keys[i]);
      values[i] = json_first(p->header, member);
    }
  }
  TRY(read_dtype(p, tensor, values[0], &entry->dtype));
  TRY(read_shape(p, tensor, values[1], entry));
  return read_offsets(p, tensor, values[2], entry);
}

static int compare_pairs(const void *a, const void *b) {
  return strcmp(((const safetensors_pair *)a)->key, ((const safetensors_pair *)b)->key);
}

static mote_status read_metadata(const parser *p, int item, safetensors *st) {
  if (st->metadata) return fail(p->error, MOTE_ERROR_FORMAT, "%s: has more than one __metadata__", p->name);
  if (!has_type(p, item, JSON_OBJECT))
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: __metadata__ is not a JSON object", p->name);
  st->metadata = calloc((size_t)json_count(p->header, item) + 1, sizeof *st->metadata);
  if (!st->metadata) return fail(p->error, MOTE_ERROR_MEMORY, "%s: no memory for its metadata", p->name);
  for (int key = json_first(p->header, item); key >= 0; key = json_next(p->header, key)) {
    const int value = json_first(p->header, key);
    if (!has_type(p, value, JSON_STRING))
      return fail(p->error, MOTE_ERROR_FORMAT, "%s: metadata '%s' is not a string", p->name,
                  json_string(p->header, key));
    st->metadata[st->metadata_count++] = (safetensors_pair){json_string(p->header, key), json_string(p->header, value)};
  }
  qsort(st->metadata, st->metadata_count, sizeof *st->metadata, compare_pairs);
  for (size_t i = 1; i < st->metadata_count; i++)
    if (!compare_pairs(&st->metadata[i - 1], &st->metadata[i]))
      return fail(p->error, MOTE_ERROR_FORMAT, "%s: metadata '%s' is there more than once", p->name,
                  st->metadata[i].key);
  return MOTE_OK;
}

// Empty tensors come before the one that begins where they lie.
static int compare_places(const void *a, const void *b) {
  const safetensors_entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int compare_names(const void *a, const void *b) {
  return strcmp(((const safetensors_entry *)a)->name, ((const safetensors_entry *)b)->name);
}

// The specification asks that tensors cover the data without overlap or hole, so that no file is also something else.
static mote_status check_layout(const parser *p, safetensors *st) {
  qsort(st->entries, st->count, sizeof *st->entries, compare_places);
  size_t covered = 0;
  for (size_t i = 0; i < st->count; i++) {
    const safetensors_entry *entry = &st->entries[i];
    const size_t begin = entry->begin;
    if (begin < covered)
      return fail(p->error, MOTE_ERROR_FORMAT, "%s: tensor '%s' begins at %zu and overlaps the one that ends at %zu",
                  p->name, entry->name, begin, covered);
    if (begin > covered)
      return fail(p->error, MOTE_ERROR_FORMAT, "%s: bytes %zu to %zu of the data, before tensor '%s', belong to none",
                  p->name, covered, begin, entry->name);
    covered += entry->bytes;
  }
  st->data_bytes = covered;
  if (covered != p->data_bytes && p->data_bytes != UNKNOWN)
    return fail(p->error, MOTE_ERROR_FORMAT, "%s: holds %llu bytes of data, its tensors end at %zu", p->name,
                (unsigned long long)p->data_bytes, covered);
  qsort(st->entries, st->count, sizeof *st->entries, compare_names);
  for (size_t i = 1; i < st->count; i++)
    if (!compare_names(&st->entries[i - 1], &st->entries[i]))
      return fail(p->error, MOTE_ERROR_FORMAT, "%s: tensor '%s' is there more than once", p->name, st->entries[i].name);
  return MOTE_OK;
}

static mote_status parse(parser *p, const char *header, size_t header_bytes, safetensors **st) {
  safetensors *result = calloc(1, sizeof *result);
  if (!result) return fail(p->error, MOTE_ERROR_MEMORY, "%s: no memory for its header", p->name);
  mote_status status;
  TRY_GOTO(failed, json_parse(p->name, JSON_HEADER, header, header_bytes, &result->header, p->error));
  p->header = result->header;
  result->entries = calloc((size_t)json_count(p->header, 0) + 1, sizeof *result->entries);
  if (!result->entries) {
    status = fail(p->error, MOTE_ERROR_MEMORY, "%s: no memory for its %d tensors", p->name, json_count(p->header, 0));
    goto failed;
  }
  for (int key = json_first(p->header, 0); key >= 0; key = json_next(p->header, key)) {
    if (!strcmp(json_string(p->header, key), "__metadata__"))
      TRY_GOTO(failed, read_metadata(p, json_first(p->header, key), result));
    else
      TRY_GOTO(failed, read_entry(p, key, &result->entries[result->count++]));
  }
  TRY_GOTO(failed, check_layout(p, result));
  *st = result;
  return MOTE_OK;
failed:
  safetensors_destroy(&result);
  return status;
}

// Judges the first `got` bytes of a file, which are FILE_KIND_BYTES or all; `bytes` is its size or UNKNOWN.
static mote_status check_head(const char *name, const uint8_t *head, size_t got, uint64_t bytes, uint64_t *header_bytes,
                              mote_error *error) {
  const file_kind *other = file_kind_of(head, got);
  *header_bytes = 0;
  if (got == 0) return fail(error, MOTE_ERROR_FORMAT, "%s: is empty, expected a safetensors file", name);
  if (got >= 8) memcpy(header_bytes, head, 8);
  if (got > 8 && *header_bytes <= max_header_bytes && head[8] == '{' && *header_bytes <= bytes - 8) return MOTE_OK;
  if (other && strcmp(other->format, "safetensors"))
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: is %s, expected a safetensors file; docs/formats.md says how PyTorch writes its state_dict as one", name,
                other->what);
  if (got < 8)
    return fail(error, MOTE_ERROR_FORMAT, "%s: is %zu bytes long, a safetensors file has at least 8", name, got);
  if (*header_bytes > max_header_bytes || *header_bytes > bytes - 8)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: announces a header of %llu bytes, expected at most the %llu that follow and at most %zu; is this a "
                "safetensors file?",
                name, (unsigned long long)*header_bytes, (unsigned long long)bytes - 8, max_header_bytes);
  return MOTE_OK;  // the parser says what is wrong with it
}

mote_status safetensors_parse(const char *name, const void *data, size_t bytes, safetensors **st, mote_error *error) {
  *st = NULL;
  uint64_t header_bytes;
  TRY(check_head(name, data, bytes < FILE_KIND_BYTES ? bytes : FILE_KIND_BYTES, bytes, &header_bytes, error));
  const char *header = (const char *)data + 8;
  parser p = {name, NULL, (const uint8_t *)header + header_bytes, bytes - 8 - header_bytes, error};
  return parse(&p, header, (size_t)header_bytes, st);
}

// ---------------------------------------------------------------------------------------------------------------------
// Files

// `head` holds what was read: the header's beginning, and of a short one the data's.
static mote_status open_header(safetensors_file *file, uint8_t *head, size_t got, mote_error *error) {
  const char *path = file->reader.path;
  uint64_t bytes = file->reader.bytes, header_bytes;
  if (got < FILE_KIND_BYTES) bytes = got;  // it ends here
  TRY(check_head(path, head, got, bytes, &header_bytes, error));
  const size_t first = got - 8 < header_bytes ? got - 8 : (size_t)header_bytes;
  char *header = malloc((size_t)header_bytes + 1);
  if (!header) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its header", path);
  memcpy(header, head + 8, first);
  size_t more = 0;
  mote_status status = file_reader_read(&file->reader, header + first, (size_t)header_bytes - first, &more, error);
  if (!status && first + more < header_bytes)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: ends within its header; is it cut short?", path);
  parser p = {path, NULL, NULL, bytes == UNKNOWN ? UNKNOWN : bytes - 8 - header_bytes, error};
  if (!status) status = parse(&p, header, (size_t)header_bytes, &file->header);
  free(header);
  file->begun_bytes = got - 8 - first;
  memcpy(file->begun, head + 8 + first, file->begun_bytes);
  return status;
}

mote_status safetensors_open(const char *path, safetensors_file *file, mote_error *error) {
  *file = (safetensors_file){0};
  uint8_t head[FILE_KIND_BYTES];
  size_t got;
  TRY(file_reader_init(&file->reader, path, error));
  mote_status status = file_reader_read(&file->reader, head, sizeof head, &got, error);
  if (!status) status = open_header(file, head, got, error);
  if (status) safetensors_close(file);
  return status;
}

mote_status safetensors_read_data(safetensors_file *file, mote_error *error) {
  safetensors *st = file->header;
  const char *path = file->reader.path;
  const size_t bytes = st->data_bytes, begun = file->begun_bytes < bytes ? file->begun_bytes : bytes;
  file->data = malloc(bytes + 1);  // one more, which must not be there
  if (!file->data) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its %zu bytes", path, bytes);
  memcpy(file->data, file->begun, begun);
  size_t got;
  TRY(file_reader_read(&file->reader, file->data + begun, bytes + 1 - begun, &got, error));
  if (begun + got < bytes)
    return fail(error, MOTE_ERROR_FORMAT, "%s: ends after %zu of %zu bytes of data; is it cut short?", path, begun + got,
                bytes);
  if (begun + got > bytes || file->begun_bytes > bytes)
    return fail(error, MOTE_ERROR_FORMAT, "%s: holds more than the %zu bytes of data at which its tensors end", path, bytes);
  for (size_t i = 0; i < st->count; i++) st->entries[i].data = file->data + st->entries[i].begin;
  return MOTE_OK;
}

void safetensors_close(safetensors_file *file) {
  file_reader_finish(&file->reader);
  safetensors_destroy(&file->header);
  free(file->data);
  file->data = NULL;
}

void safetensors_destroy(safetensors **st) {
  if (!*st) return;
  json_destroy(&(*st)->header);
  free((*st)->entries);
  free((*st)->metadata);
  free(*st);
  *st = NULL;
}

// What the EMA of torch.optim.swa_utils adds beside the module's own tensors.
static bool is_counter(const safetensors_entry *entry) { return !strcmp(entry->name, "n_averaged"); }

size_t safetensors_common_prefix(const safetensors *st) {
  const char *first = NULL;
  size_t shared = 0;
  for (size_t i = 0; i < st->count; i++) {
    const char *name = st->entries[i].name;
    if (is_counter(&st->entries[i])) continue;
    if (!first) shared = strlen(first = name);
    size_t same = 0;
    while (same < shared && name[same] == first[same]) same++;
    shared = same;
  }
  while (shared > 0 && first[shared - 1] != '.') shared--;
  return shared;
}

void safetensors_drop_prefix(safetensors *st, size_t length) {
  for (size_t i = 0; i < st->count; i++)
    if (!is_counter(&st->entries[i])) st->entries[i].name += length;
  qsort(st->entries, st->count, sizeof *st->entries, compare_names);
}

const safetensors_entry *safetensors_find(const safetensors *st, const char *tensor_name) {
  const safetensors_entry key = {.name = tensor_name};
  return bsearch(&key, st->entries, st->count, sizeof *st->entries, compare_names);
}

const char *safetensors_metadata(const safetensors *st, const char *key) {
  if (!st->metadata) return NULL;
  const safetensors_pair wanted = {key, NULL};
  const safetensors_pair *pair =
      bsearch(&wanted, st->metadata, st->metadata_count, sizeof *st->metadata, compare_pairs);
  return pair ? pair->value : NULL;
}

bool safetensors_read_float(const safetensors_entry *entry, float *out) {
  const uint8_t *in = entry->data;
  safetensors_dtype dtype = entry->dtype;
  if (dtype == SAFETENSORS_F32) {
    if (entry->bytes) memcpy(out, in, entry->bytes);
  } else if (dtype == SAFETENSORS_F16 || dtype == SAFETENSORS_BF16) {
    for (size_t i = 0; i < entry->element_count; i++) {
      uint16_t bits;
      memcpy(&bits, in + 2 * i, sizeof bits);
      out[i] = dtype == SAFETENSORS_F16 ? half_to_float(bits) : bfloat16_to_float(bits);
    }
  } else if (dtype == SAFETENSORS_F64) {
    for (size_t i = 0; i < entry->element_count; i++) {
      double value;
      memcpy(&value, in + 8 * i, sizeof value);
      out[i] = (float)value;
    }
  } else {
    return false;
  }
  return true;
}

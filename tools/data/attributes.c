// attributes.c: what metadata.csv says of the images beside it, as Hugging Face's image folders have it.
#include "tools/data/attributes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/number.h"
#include "runtime/text.h"

#define FILE_MAX_BYTES ((size_t)1 << 28)
#define FILE_COLUMN "file_name"
#define LEAVE_OUT "--attributes A,B takes these columns alone, --attributes none no one"

// ---------------------------------------------------------------------------------------------------------------------
// The file

// Names may begin with "./".
static const char *file_of(const attributes *a, uint32_t row) {
  const char *file = csv_field(&a->table, row, a->file_column);
  return strncmp(file, "./", 2) ? file : file + 2;
}

static int find_column(const csv_table *table, const char *name, size_t length) {
  for (int c = 0; c < table->column_count; c++)
    if (strlen(csv_field(table, 0, c)) == length && !memcmp(csv_field(table, 0, c), name, length)) return c;
  return -1;
}

static mote_status take_column(attributes *a, int column, mote_error *error) {
  const char *name = csv_field(&a->table, 0, column), *fault = text_attribute_fault(name, strlen(name));
  if (fault) return fail(error, MOTE_ERROR_FORMAT, "%s: found a column called \"%.60s\", %s; " LEAVE_OUT, a->path, name, fault);
  if (find_column(&a->table, name, strlen(name)) != column)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found two columns called \"%s\", expected each name once", a->path, name);
  if (a->count == MOTE_MAX_ATTRIBUTES)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %d columns, expected %d and " FILE_COLUMN " at most; " LEAVE_OUT, a->path,
                a->table.column_count, MOTE_MAX_ATTRIBUTES);
  a->columns[a->count++] = column;
  return MOTE_OK;
}

static mote_status take_asked(attributes *a, const char *asked, mote_error *error) {
  for (const char *at = asked; at;) {
    const size_t length = strcspn(at, ",");
    const int column = find_column(&a->table, at, length);
    if (column < 0 || column == a->file_column)
      return fail(error, MOTE_ERROR_USAGE, "--attributes: found \"%.*s\", expected columns of %s", (int)(length < 60 ? length : 60),
                  at, a->path);
    for (int i = 0; i < a->count; i++)
      if (a->columns[i] == column) return fail(error, MOTE_ERROR_USAGE, "--attributes: found a column twice in \"%s\"", asked);
    TRY(take_column(a, column, error));
    at = at[length] ? at + length + 1 : NULL;
  }
  return MOTE_OK;
}

static mote_status take_columns(attributes *a, const char *asked, mote_error *error) {
  a->file_column = find_column(&a->table, FILE_COLUMN, sizeof FILE_COLUMN - 1);
  if (a->file_column < 0)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found \"%.60s\" in the first line, expected names of columns%s, one of them " FILE_COLUMN,
                a->path, csv_field(&a->table, 0, 0), strchr(csv_field(&a->table, 0, 0), ';') ? " between commas" : "");
  if (asked) return take_asked(a, asked, error);
  for (int c = 0; c < a->table.column_count; c++)
    if (c != a->file_column) TRY(take_column(a, c, error));
  if (a->count) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found no column but " FILE_COLUMN ", expected one an attribute", a->path);
}

typedef struct named_row {
  const char *file;
  uint32_t row;
} named_row;

static int compare_rows(const void *a, const void *b) { return strcmp(((const named_row *)a)->file, ((const named_row *)b)->file); }

// Rows by name, so that each image finds its own, and each has one.
static mote_status sort_rows(attributes *a, mote_error *error) {
  const uint32_t count = (uint32_t)a->table.row_count - 1;
  if (!count) return fail(error, MOTE_ERROR_FORMAT, "%s: found names of columns alone, expected a row an image", a->path);
  named_row *rows = malloc(count * sizeof *rows);
  a->order = malloc(count * sizeof *a->order);
  a->used = calloc(count, sizeof *a->used);
  mote_status status = rows && a->order && a->used ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %u rows", a->path, count);
  for (uint32_t i = 0; i < count && !status; i++) rows[i] = (named_row){file_of(a, i + 1), i + 1};
  if (!status) qsort(rows, count, sizeof *rows, compare_rows);
  for (uint32_t i = 0; i < count && !status; i++) {
    a->order[i] = rows[i].row;
    if (!*rows[i].file)
      status = fail(error, MOTE_ERROR_FORMAT, "%s: line %u: found no " FILE_COLUMN, a->path, a->table.lines[rows[i].row]);
    else if (i && !compare_rows(&rows[i - 1], &rows[i]))
      status = fail(error, MOTE_ERROR_FORMAT, "%s: lines %u and %u: found \"%.100s\" twice, expected a row an image", a->path,
                    a->table.lines[rows[i - 1].row], a->table.lines[rows[i].row], rows[i].file);
  }
  free(rows);
  return status;
}

mote_status attributes_init(attributes *a, const char *path, const char *asked, mote_error *error) {
  *a = (attributes){.count = 0};
  snprintf(a->path, sizeof a->path, "%s", path);
  uint8_t *bytes = NULL;
  size_t count = 0;
  TRY(file_read_regular(path, FILE_MAX_BYTES, &bytes, &count, error));
  mote_status status = csv_parse(&a->table, a->path, bytes, count, error);
  free(bytes);
  if (!status) status = take_columns(a, asked, error);
  if (!status) status = sort_rows(a, error);
  if (status) attributes_finish(a);
  return status;
}

void attributes_finish(attributes *a) {
  csv_finish(&a->table);
  free(a->order);
  free(a->used);
  *a = (attributes){.count = 0};
}

int attributes_find_row(attributes *a, const char *file) {
  size_t low = 0, high = a->table.row_count - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const int order = strcmp(file_of(a, a->order[middle]), file);
    if (!order) {
      a->used[middle] = true;
      return (int)a->order[middle];
    }
    *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
  }
  return -1;
}

// ---------------------------------------------------------------------------------------------------------------------
// Columns to contexts

typedef struct work {
  const attributes *from;
  dataset *set;
  const int *rows;
  size_t stride;               // attributes at most
  float *values;               // count × stride: of words the label's number from 1 on, of numbers what stands in the context
  int owner[MOTE_MAX_LABELS];  // the attribute of each label
  const char **words;          // room for the words of a column
  mote_error *error;
} work;

static const char *cell(const work *w, uint32_t image, int column) {
  return w->rows[image] < 0 ? "" : csv_field(&w->from->table, (size_t)w->rows[image], column);
}

static bool is_number(const char *text, double *value) {
  const char *end;
  return number_parse(text, &end, value) && !*end;
}

static mote_status fail_column(const work *w, int column, const char *fault) {
  return fail(w->error, MOTE_ERROR_FORMAT, "%s: column %s %s; " LEAVE_OUT, w->from->path, csv_field(&w->from->table, 0, column), fault);
}

static mote_status add_label(work *w, const char *name) {
  dataset *set = w->set;
  const int attribute = set->attribute_count;
  if (set->class_count == MOTE_MAX_LABELS)
    return fail(w->error, MOTE_ERROR_FORMAT, "%s: attribute %s: \"%s\" is label %d of all, expected at most %d; " LEAVE_OUT, w->from->path,
                set->attributes[attribute].name, name, MOTE_MAX_LABELS + 1, MOTE_MAX_LABELS);
  w->owner[set->class_count] = attribute;
  snprintf(set->classes[set->class_count++], sizeof set->classes[0], "%s", name);
  set->attributes[attribute].count++;
  return MOTE_OK;
}

// All numbers that are known are numbers; low and high are found.
static bool measure_numbers(const work *w, int column, mote_attribute *attribute) {
  double low = INFINITY, high = -INFINITY;
  for (uint32_t i = 0; i < w->set->count; i++) {
    double value;
    const char *text = cell(w, i, column);
    if (!*text) continue;
    if (!is_number(text, &value)) return false;
    low = fmin(low, value);
    high = fmax(high, value);
  }
  *attribute = (mote_attribute){.is_number = true, .low = low, .high = high};
  return low <= high;
}

static mote_status add_numbers(work *w, int column) {
  dataset *set = w->set;
  mote_attribute *attribute = &set->attributes[set->attribute_count];
  if (!isfinite(attribute->high - attribute->low)) return fail_column(w, column, "holds numbers that are too large");
  TRY(add_label(w, attribute->name));
  for (uint32_t i = 0; i < set->count; i++) {
    double value;
    if (is_number(cell(w, i, column), &value))
      w->values[i * w->stride + (size_t)set->attribute_count] = mote_attribute_scale(attribute, value);
  }
  return MOTE_OK;
}

static int compare_words(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

// Its words, sorted, each once, are labels.
static mote_status add_words(work *w, int column) {
  dataset *set = w->set;
  size_t count = 0, unique = 0;
  for (uint32_t i = 0; i < set->count; i++) {
    const char *word = cell(w, i, column), *fault = *word ? text_label_fault(word, strlen(word)) : NULL;
    if (fault)
      return fail(w->error, MOTE_ERROR_FORMAT, "%s: line %u: %s is \"%.60s\", %s; " LEAVE_OUT, w->from->path,
                  w->from->table.lines[w->rows[i]], set->attributes[set->attribute_count].name, word, fault);
    if (*word) w->words[count++] = word;
  }
  if (!count) return fail_column(w, column, "is empty");
  qsort(w->words, count, sizeof *w->words, compare_words);
  for (size_t i = 0; i < count; i++)
    if (!unique || strcmp(w->words[i], w->words[unique - 1])) w->words[unique++] = w->words[i];
  for (size_t i = 0; i < unique; i++) TRY(add_label(w, w->words[i]));
  for (uint32_t i = 0; i < set->count; i++) {
    const char *word = cell(w, i, column);
    const char **found = bsearch(&word, w->words, unique, sizeof *w->words, compare_words);
    if (found) w->values[i * w->stride + (size_t)set->attribute_count] = (float)(found - w->words + 1);
  }
  return MOTE_OK;
}

static mote_status add_column(work *w, int column) {
  dataset *set = w->set;
  mote_attribute *attribute = &set->attributes[set->attribute_count];
  const bool numbers = measure_numbers(w, column, attribute);
  if (!numbers) *attribute = (mote_attribute){.count = 0};
  snprintf(attribute->name, sizeof attribute->name, "%s", csv_field(&w->from->table, 0, column));
  TRY(numbers ? add_numbers(w, column) : add_words(w, column));
  set->attribute_count++;
  return MOTE_OK;
}

// The classes that sub-folders gave.
static mote_status add_folders(work *w) {
  dataset *set = w->set;
  if (!set->class_count) return MOTE_OK;
  for (int i = 0; i < w->from->count; i++)
    if (!strcmp(csv_field(&w->from->table, 0, w->from->columns[i]), ATTRIBUTES_OF_FOLDERS))
      return fail_column(w, w->from->columns[i], "stands beside sub-folders, which are that attribute, expected one of them");
  if (w->from->count == MOTE_MAX_ATTRIBUTES)
    return fail(w->error, MOTE_ERROR_FORMAT, "%s: found %d columns beside sub-folders, expected %d at most; " LEAVE_OUT, w->from->path,
                w->from->count, MOTE_MAX_ATTRIBUTES - 1);
  set->attributes[0] = (mote_attribute){.name = ATTRIBUTES_OF_FOLDERS, .count = set->class_count};
  set->attribute_count = 1;
  for (uint32_t i = 0; i < set->count; i++) w->values[i * w->stride] = (float)(set->labels[i] + 1);
  return MOTE_OK;
}

// A word of two attributes, or one that is a number's name, says whose it is.
static mote_status qualify(work *w) {
  dataset *set = w->set;
  bool twice[MOTE_MAX_LABELS] = {false};
  for (int i = 0; i < set->class_count; i++)
    for (int k = 0; k < i; k++)
      if (!strcmp(set->classes[i], set->classes[k])) twice[i] = twice[k] = true;
  for (int i = 0; i < set->class_count; i++) {
    const mote_attribute *attribute = &set->attributes[w->owner[i]];
    char name[72];
    if (!twice[i] || attribute->is_number) continue;
    snprintf(name, sizeof name, "%s:%s", attribute->name, set->classes[i]);
    const char *fault = text_label_fault(name, strlen(name));
    for (int k = 0; k < set->class_count && !fault; k++)
      if (!strcmp(name, set->classes[k])) fault = "which is another label already";
    if (fault)
      return fail(w->error, MOTE_ERROR_FORMAT, "%s: \"%s\" stands in two attributes, so that it is called \"%s\", %s", w->from->path,
                  set->classes[i], name, fault);
    snprintf(set->classes[i], sizeof set->classes[i], "%.31s", name);
  }
  return MOTE_OK;
}

// Classes are those of the first attribute of words.
static void write_contexts(work *w) {
  dataset *set = w->set;
  for (uint32_t i = 0; i < set->count; i++) {
    float *context = set->contexts + (size_t)i * (size_t)set->context_length;
    bool classed = false;
    for (int a = 0, first = 0; a < set->attribute_count; first += set->attributes[a++].count) {
      const float value = w->values[i * w->stride + (size_t)a];
      const bool is_word = !set->attributes[a].is_number;
      if (value > 0) context[is_word ? first + (int)value - 1 : first] = is_word ? 1 : value;
      if (is_word && !classed) set->labels[i] = value > 0 ? first + (int)value - 1 : -1;
      classed |= is_word;
    }
  }
}

static mote_status add_all(work *w) {
  dataset *set = w->set;
  TRY(add_folders(w));
  for (int i = 0; i < w->from->count; i++) TRY(add_column(w, w->from->columns[i]));
  TRY(qualify(w));
  set->context_length = set->class_count;
  set->contexts = calloc((size_t)set->count * (size_t)set->context_length, sizeof *set->contexts);
  if (!set->contexts) return fail(w->error, MOTE_ERROR_MEMORY, "%s: no memory for %u contexts", w->from->path, set->count);
  write_contexts(w);
  if (set->attribute_count > 1 || set->attributes[0].is_number) return MOTE_OK;
  free(set->contexts);  // classes tell as much
  set->contexts = NULL;
  return MOTE_OK;
}

// Rows without an image.
static mote_status count_surplus(const attributes *a, dataset *set, mote_error *error) {
  const uint32_t count = (uint32_t)a->table.row_count - 1;
  for (uint32_t i = 0; i < count; i++) {
    if (a->used[i]) continue;
    if (!set->surplus_count++) snprintf(set->surplus, sizeof set->surplus, "%.120s", file_of(a, a->order[i]));
  }
  if (set->surplus_count < count) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found no image of %u that it lists, such as \"%.100s\", expected names relative to its "
              "folder", a->path, count, set->surplus);
}

mote_status attributes_apply(const attributes *a, dataset *set, const int *rows, mote_error *error) {
  TRY(count_surplus(a, set, error));
  work *w = malloc(sizeof *w);
  if (w) *w = (work){.from = a, .set = set, .rows = rows, .stride = (size_t)a->count + 1, .error = error};
  if (w) w->values = calloc(set->count * w->stride, sizeof *w->values);
  if (w) w->words = malloc(set->count * sizeof *w->words);
  mote_status status = w && w->values && w->words ? add_all(w) : fail(error, MOTE_ERROR_MEMORY, "%s: no memory for contexts", a->path);
  if (w) free(w->values);
  if (w) free((void *)w->words);
  free(w);
  return status;
}

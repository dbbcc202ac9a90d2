// dataset_folder.c: images from a folder whose sub-folders are classes; without sub-folders, of no class.
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/list.h"
#include "tools/data/attributes.h"
#include "tools/data/dataset.h"
#include "tools/images/image_read.h"

// Names in a folder, sorted bytewise so that the order is the same everywhere.
typedef struct listing {
  char **folders, **images;
  size_t folder_count, image_count;
  bool has_csv, has_jsonl;  // tables beside the images
} listing;

static void listing_finish(listing *list) {
  for (size_t i = 0; i < list->folder_count; i++) free(list->folders[i]);
  for (size_t i = 0; i < list->image_count; i++) free(list->images[i]);
  free(list->folders);
  free(list->images);
  *list = (listing){0};
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(char ***names, size_t *count, const char *name) {
  char *copy = LIST_ROOM(*names, *count) ? strdup(name) : NULL;
  if (copy) (*names)[(*count)++] = copy;
  return copy;
}

static mote_status join(const char *folder, const char *name, char *path, mote_error *error) {
  size_t length = strlen(folder);
  bool slash = length && folder[length - 1] == '/';
  if (snprintf(path, PATH_MAX, "%s%s%s", folder, slash ? "" : "/", name) < PATH_MAX) return MOTE_OK;
  return fail(error, MOTE_ERROR_FILE, "%s: the name of a file in it is too long", folder);
}

// What lies among the images and is none of them; NULL: an image, or a file whose name says that it ought to be one and
// which is refused when it is read.
static const char *left_out_kind(const char *path, mode_t mode) {
  uint8_t head[FILE_KIND_BYTES];
  size_t bytes = 0;
  if (S_ISFIFO(mode)) return "pipe";
  if (S_ISSOCK(mode)) return "socket";
  if (!S_ISREG(mode)) return "device";
  if (image_name_is_read(path)) return NULL;
  if (file_read_head(path, head, sizeof head, &bytes, NULL)) return "unreadable";
  const file_kind *kind = file_kind_of(head, bytes);
  return image_kind_is_read(kind) ? NULL : image_kind_left_out(kind);
}

// The pictures of a training run that was told to write beside its images are no class.
static bool is_run(const char *folder, const char *name) {
  char settings[PATH_MAX];
  size_t length = strlen(name);
  return length > 4 && !strcmp(name + length - 4, ".run") &&
         snprintf(settings, sizeof settings, "%s/settings.json", folder) < PATH_MAX && !access(settings, F_OK);
}

// Hidden files are nobody's business.
static mote_status add_entry(listing *list, dataset *set, const char *folder, const char *name, mote_error *error) {
  char path[PATH_MAX];
  struct stat found, link;
  if (name[0] == '.') return MOTE_OK;
  TRY(join(folder, name, path, error));
  if (stat(path, &found)) {
    const int cause = errno;
    if (lstat(path, &link) || !S_ISLNK(link.st_mode))
      return fail(error, MOTE_ERROR_FILE, "%s: cannot be opened: %s", path, strerror(cause));
    dataset_leave_out(set, "dangling link");
    return MOTE_OK;
  }
  const bool is_folder = S_ISDIR(found.st_mode);
  bool *table = !strcmp(name, ATTRIBUTES_FILE) ? &list->has_csv : !strcmp(name, "metadata.jsonl") ? &list->has_jsonl : NULL;
  if (table && S_ISREG(found.st_mode)) {
    *table = true;
    return MOTE_OK;
  }
  const char *kind = !is_folder ? left_out_kind(path, found.st_mode) : is_run(path, name) ? "training run" : NULL;
  if (kind) {
    dataset_leave_out(set, kind);
    return MOTE_OK;
  }
  bool added = is_folder ? add_name(&list->folders, &list->folder_count, name)
                         : add_name(&list->images, &list->image_count, name);
  return added ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "%s: no memory for the names in it", folder);
}

static mote_status listing_init(listing *list, dataset *set, const char *folder, mote_error *error) {
  *list = (listing){0};
  DIR *directory = opendir(folder);
  if (!directory) return fail(error, MOTE_ERROR_FILE, "%s: cannot be opened: %s", folder, strerror(errno));
  mote_status status = MOTE_OK;
  struct dirent *entry = NULL;
  errno = 0;
  while (!status && (entry = readdir(directory))) 
    status = add_entry(list, set, folder, entry->d_name, error);
  closedir(directory);
  if (list->folder_count) qsort(list->folders, list->folder_count, sizeof *list->folders, compare_names);
  if (list->image_count) qsort(list->images, list->image_count, sizeof *list->images, compare_names);
  if (status) listing_finish(list);
  return status;
}

// `what` is what a folder should have held.
static mote_status fail_no_image(const dataset *set, const char *folder, const char *what, mote_error *error) {
  char left_out[256];
  dataset_describe_left_out(set, left_out, sizeof left_out);
  return fail(error, MOTE_ERROR_FORMAT, "%s: found %s%s in it, expected %s", folder, *left_out ? "only " : "no image",
              left_out, what);
}

// Which row of metadata.csv tells of the image that comes next.
static mote_status find_row(dataset_builder *builder, const char *class, const char *name, mote_error *error) {
  char file[PATH_MAX];
  dataset *set = builder->set;
  if (!builder->attributes) return MOTE_OK;
  if (!LIST_ROOM(builder->rows, set->count)) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for the image's row", name);
  const int length = snprintf(file, sizeof file, "%s%s%s", class ? class : "", class ? "/" : "", name);
  const int row = length < PATH_MAX ? attributes_find_row(builder->attributes, file) : -1;
  if (row < 0 && !set->unlisted_count++) snprintf(set->unlisted, sizeof set->unlisted, "%.120s", file);
  builder->rows[set->count] = row;
  return MOTE_OK;
}

// `class` is the sub-folder's name, or NULL.
static mote_status read_images(dataset_builder *builder, const char *folder, const char *class, const listing *list, int label,
                               mote_error *error) {
  for (size_t i = 0; i < list->image_count; i++) {
    char path[PATH_MAX];
    image picture;
    TRY(find_row(builder, class, list->images[i], error));
    int channels = 0;
    TRY(join(folder, list->images[i], path, error));
    TRY(image_read(path, &picture, &channels, error));
    mote_status status = dataset_append(builder, &picture, channels, label, path, error);
    image_finish(&picture);
    TRY(status);
  }
  return MOTE_OK;
}

static mote_status read_class(dataset_builder *builder, const char *parent, const char *name, mote_error *error) {
  char folder[PATH_MAX];
  listing list;
  int label = 0;
  TRY(join(parent, name, folder, error));
  TRY(dataset_class(builder->set, folder, name, strlen(name), &label, error));
  TRY(listing_init(&list, builder->set, folder, error));
  mote_status status;
  if (list.folder_count)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: found the folder %s in it, expected the images of class %s only", folder,
                  list.folders[0], name);
  else if (!list.image_count)
    status = fail_no_image(builder->set, folder, "the images of a class", error);
  else
    status = read_images(builder, folder, name, &list, label, error);
  if (list.has_csv) dataset_leave_out(builder->set, "CSV");
  if (list.has_jsonl) dataset_leave_out(builder->set, "JSON");
  listing_finish(&list);
  return status;
}

// metadata.csv, unless it is not wanted.
static mote_status open_attributes(dataset_builder *builder, const char *folder, const listing *list, attributes *table,
                                   mote_error *error) {
  char path[PATH_MAX];
  const char *asked = builder->desc->attributes;
  if (asked && !strcmp(asked, "none")) {
    if (list->has_csv) dataset_leave_out(builder->set, "CSV");
    if (list->has_jsonl) dataset_leave_out(builder->set, "JSON");
    return MOTE_OK;
  }
  if (!list->has_csv && list->has_jsonl)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: found metadata.jsonl, expected " ATTRIBUTES_FILE ": pandas.read_json('metadata.jsonl', lines=True)"
                ".to_csv('" ATTRIBUTES_FILE "', index=False) makes it; --attributes none goes without", folder);
  if (!list->has_csv && asked)
    return fail(error, MOTE_ERROR_USAGE, "--attributes: found no " ATTRIBUTES_FILE " in %s, which would have them", folder);
  if (!list->has_csv) return MOTE_OK;
  TRY(join(folder, ATTRIBUTES_FILE, path, error));
  TRY(attributes_init(table, path, asked, error));
  builder->attributes = table;
  return MOTE_OK;
}

// Sub-folders or images, as the first `list` says.
static mote_status read_listed(dataset_builder *builder, const char *path, const listing *list, mote_error *error) {
  mote_status status = MOTE_OK;
  if (!list->folder_count) status = read_images(builder, path, NULL, list, -1, error);
  for (size_t i = 0; i < list->folder_count && !status; i++) status = read_class(builder, path, list->folders[i], error);
  if (!status && builder->attributes) status = attributes_apply(builder->attributes, builder->set, builder->rows, error);
  return status;
}

mote_status dataset_read_folder(dataset_builder *builder, const char *path, mote_error *error) {
  listing list;
  attributes table = {.count = 0};
  TRY(listing_init(&list, builder->set, path, error));
  mote_status status = MOTE_OK;
  builder->set->class_hint = "sub-folders would be classes, columns of " ATTRIBUTES_FILE " attributes";
  if (!list.folder_count && !list.image_count)
    status = fail_no_image(builder->set, path, "images, or one sub-folder of images a class", error);
  else if (list.folder_count && list.image_count)
    status = fail(error, MOTE_ERROR_FORMAT,
                  "%s: found %s beside the sub-folder %s, expected either images or one sub-folder a class", path,
                  list.images[0], list.folders[0]);
  if (!status) status = open_attributes(builder, path, &list, &table, error);
  if (!status) status = read_listed(builder, path, &list, error);
  attributes_finish(&table);
  free(builder->rows);
  builder->attributes = NULL;
  builder->rows = NULL;
  listing_finish(&list);
  return status;
}

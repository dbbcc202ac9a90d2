// attributes.h: what metadata.csv says of the images beside it, as Hugging Face's image folders have it.
#ifndef MOTE_TOOLS_DATA_ATTRIBUTES_H
#define MOTE_TOOLS_DATA_ATTRIBUTES_H

#include "tools/data/csv.h"
#include "tools/data/dataset.h"

#define ATTRIBUTES_FILE "metadata.csv"
#define ATTRIBUTES_OF_FOLDERS "class"  // what sub-folders beside the file tell

// A row an image: its name relative to the folder in column `file_name`; each further column is an attribute. An empty field: not
// known.
typedef struct attributes {
  csv_table table;
  char path[512];                    // of the file, for messages
  int file_column;
  int columns[MOTE_MAX_ATTRIBUTES];  // that are taken
  int count;
  uint32_t *order;                   // rows by the names of their files, owned
  bool *used;                        // by order, owned: its image is there
} attributes;

// Reads the file at `path`. `asked` names the columns that are taken, separated by commas; NULL: all.
mote_status attributes_init(attributes *a, const char *path, const char *asked, mote_error *error);
void attributes_finish(attributes *a);

// The row of the image `file`, which is used then; -1: there is none.
int attributes_find_row(attributes *a, const char *file);

// Gives the set's images, of which number i has row rows[i] or none (-1), their contexts. Classes that there are already become an
// attribute too.
mote_status attributes_apply(const attributes *a, dataset *set, const int *rows, mote_error *error);

#endif

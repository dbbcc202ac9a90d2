// test_attributes.c: metadata.csv beside images: what is read, what becomes of it, and what is refused by which words.
#include "tests/dataset_support.h"

#include "tools/data/csv.h"
#include "tools/data/contact_sheet.h"

// ---------------------------------------------------------------------------------------------------------------------
// Tables

static void fields_are_read_as_rfc_4180_has_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int columns;
    const char *fields[6];  // of all rows, one after the other
  } cases[] = {
      {"a,b\n1,2\n", 2, {"a", "b", "1", "2"}},
      {"a,b\r\n1,2", 2, {"a", "b", "1", "2"}},
      {"a,b\r1,2\r", 2, {"a", "b", "1", "2"}},
      {"\xef\xbb\xbf" "a,b\n\n\r\n1,2\n\n", 2, {"a", "b", "1", "2"}},
      {" a ,\tb\n 1 , 2 3 \n", 2, {"a", "b", "1", "2 3"}},
      {"\"a,\"\"x\"\"\", \" b \" \n\"1\n\r2\",\n", 2, {"a,\"x\"", " b ", "1\n\r2", ""}},
      {"a\n\"\"\n\"\"\"\"\n", 1, {"a", "", "\""}},
      {"a,b,c\n,,\n", 3, {"a", "b", "c", "", "", ""}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    csv_table table;
    mote_error error;
    if (csv_parse(&table, "t.csv", (const uint8_t *)cases[i].text, strlen(cases[i].text), &error)) fail_msg("%s", error.message);
    assert_int_equal(table.column_count, cases[i].columns);
    size_t count = 0;
    while (count < 6 && cases[i].fields[count]) count++;
    assert_int_equal(table.row_count * (size_t)table.column_count, count);
    for (size_t k = 0; k < count; k++) assert_string_equal(table.rows[k], cases[i].fields[k]);
    csv_finish(&table);
  }
}

static void what_is_no_table_is_refused_with_its_line(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t bytes;
    const char *expected;
  } cases[] = {
#define TEXT(text) text, sizeof text - 1
      {TEXT(""), "t.csv: is empty"},
      {TEXT("\n\r\n"), "t.csv: is empty"},
      {TEXT("a,b\n\n1\n"), "line 3: found 1 fields, expected 2"},
      {TEXT("a\n\"1\n2\"\n3,4\n"), "line 4: found 2 fields, expected 1"},
      {TEXT("a\n\"1\n2"), "line 2: a quote is opened and not closed"},
      {TEXT("a\n\"1\"2\n"), "line 2: found text after a closing quote"},
      {TEXT("a\n1\"2\"\n"), "line 2: found a quote within a field"},
      {TEXT("a\nh\xe9ros\n"), "line 2: is not UTF-8"},
      {TEXT("a\n1\0\n"), "line 2: is not UTF-8"},
      {TEXT("\xff\xfe" "a\0"), "line 1: is not UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    csv_table table;
    mote_error error = {0};
    assert_int_equal(csv_parse(&table, "t.csv", (const uint8_t *)cases[i].text, cases[i].bytes, &error), MOTE_ERROR_FORMAT);
    if (!strstr(error.message, cases[i].expected)) fail_msg("\"%s\" is not in \"%s\"", cases[i].expected, error.message);
    assert_null(table.text);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Images

static void write_image(const char *name) {
  uint8_t pixels[16 * 4] = {0};
  mote_error error;
  assert_int_equal(image_save_png(&(image){.width = 4, .height = 4, .channels = 4, .pixels = pixels}, in(name), &error), MOTE_OK);
}

static void write_table(const char *text) { write_bytes(in("metadata.csv"), text, strlen(text)); }

// a.png to d.png.
static int make_images(void **state) {
  if (make_folder(state)) return -1;
  write_image("a.png"), write_image("b.png"), write_image("c.png"), write_image("d.png");
  return 0;
}

static void check_contexts(const dataset *set, const float *expected) {
  float *contexts = NULL;
  mote_error error;
  assert_int_equal(dataset_contexts(set, &contexts, &error), MOTE_OK);
  for (size_t i = 0; i < set->count * (size_t)dataset_context_length(set); i++)
    if (contexts[i] != expected[i]) fail_msg("number %zu is %g, expected %g", i, (double)contexts[i], (double)expected[i]);
  free(contexts);
}

static void words_are_labels_and_numbers_are_scaled(void **state) {
  (void)state;
  dataset set;
  write_table("size,file_name,kind,colour\n10,./b.png,orc,red\n30,a.png,elf,\n,d.png,orc,blue\n20,c.png,elf,red\n");
  read_set(&set, (dataset_desc){.path = folder});
  static const char *const labels[] = {"size", "elf", "orc", "blue", "red"};
  assert_int_equal(set.class_count, 5);
  for (int i = 0; i < 5; i++) assert_string_equal(set.classes[i], labels[i]);
  assert_int_equal(set.attribute_count, 3);
  assert_string_equal(set.attributes[0].name, "size");
  assert_true(set.attributes[0].is_number && set.attributes[0].low == 10 && set.attributes[0].high == 30);
  assert_true(!set.attributes[1].is_number && set.attributes[1].count == 2 && set.attributes[2].count == 2);
  check_contexts(&set, (float[]){1.5f, 1, 0, 0, 0, 0.5f, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0});
  assert_memory_equal(set.labels, ((int[]){1, 2, 1, 2}), 4 * sizeof(int));
  assert_int_equal(set.unlisted_count + set.surplus_count, 0);
  assert_int_equal(dataset_class_size(&set, 4), 2);
  dataset parts[2];
  mote_error error;
  assert_int_equal(dataset_split(&set, 0.5, 1, &parts[0], &parts[1], &error), MOTE_OK);
  assert_int_equal(parts[0].count, 2);
  for (int p = 0; p < 2; p++)
    for (uint32_t i = 0; i < 2; i++) assert_true(parts[p].contexts[i * 5 + (size_t)parts[p].labels[i]] == 1);
  dataset_finish(&parts[0]), dataset_finish(&parts[1]), dataset_finish(&set);
}

static void one_attribute_of_words_is_what_sub_folders_give(void **state) {
  (void)state;
  dataset set;
  write_table("file_name,kind\na.png,orc\nb.png,elf\nc.png,\nd.png,orc\n");
  read_set(&set, (dataset_desc){.path = folder});
  assert_null(set.contexts);
  assert_int_equal(set.attribute_count, 1);
  assert_memory_equal(set.labels, ((int[]){1, 0, -1, 1}), 4 * sizeof(int));
  check_contexts(&set, (float[]){0, 1, 1, 0, 0, 0, 0, 1});
  dataset_finish(&set);
}

static void sub_folders_are_an_attribute_beside_the_others(void **state) {
  (void)state;
  dataset set;
  assert_int_equal(mkdir(in("orc"), 0777) + mkdir(in("elf"), 0777), 0);
  write_image("orc/a.png"), write_image("elf/a.png"), write_image("elf/b.png");
  write_table("file_name,colour\norc/a.png,red\nelf/a.png,blue\n");
  write_bytes(in("elf/metadata.csv"), "x", 1);
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.attribute_count, 2);
  assert_string_equal(set.attributes[0].name, "class");
  check_contexts(&set, (float[]){1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1});
  assert_int_equal(set.unlisted_count, 1);
  assert_string_equal(set.unlisted, "elf/b.png");
  assert_string_equal(set.left_out[0].kind, "CSV");
  dataset_finish(&set);
  write_table("file_name,class\norc/a.png,red\n");
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "column class stands beside sub-folders", "--attributes");
}

static void a_word_of_two_attributes_says_whose_it_is(void **state) {
  (void)state;
  dataset set;
  write_table("file_name,hair,eyes,blue\na.png,red,blue,1\nb.png,green,red,2\n");
  read_set(&set, (dataset_desc){.path = folder});
  static const char *const labels[] = {"green", "hair:red", "eyes:blue", "eyes:red", "blue"};
  for (int i = 0; i < 5; i++) assert_string_equal(set.classes[i], labels[i]);
  check_contexts(&set, (float[]){0, 1, 1, 0, 0.5f, 1, 0, 0, 1, 1.5f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  dataset_finish(&set);
  write_table("file_name,hair of the head,eyes\na.png,a very very red one,a very very red one\n");
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "stands in two attributes", "1 to 31 bytes");
  write_table("file_name,hair,eyes\na.png,red,red\nb.png,eyes:red,blue\n");
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "is called \"eyes:red\"", "another label already");
}

static void columns_can_be_chosen(void **state) {
  (void)state;
  dataset set;
  write_table("file_name,text,kind\na.png,\"an orc, angry\",orc\nb.png,x,elf\n");
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "line 2: text is \"an orc, angry\", expected no comma", "--attributes");
  read_set(&set, (dataset_desc){.path = folder, .attributes = "kind"});
  assert_int_equal(set.class_count, 2);
  assert_int_equal(set.unlisted_count, 2);
  dataset_finish(&set);
  read_set(&set, (dataset_desc){.path = folder, .attributes = "none"});
  assert_int_equal(set.class_count + set.attribute_count, 0);
  assert_string_equal(set.left_out[0].kind, "CSV");
  dataset_finish(&set);
  refused((dataset_desc){.path = folder, .attributes = "kind,size"}, MOTE_ERROR_USAGE, "found \"size\"", "metadata.csv");
  refused((dataset_desc){.path = folder, .attributes = "kind,kind"}, MOTE_ERROR_USAGE, "a column twice", "kind,kind");
  refused((dataset_desc){.path = folder, .attributes = "file_name"}, MOTE_ERROR_USAGE, "found \"file_name\"", "metadata.csv");
  assert_int_equal(remove(in("metadata.csv")), 0);
  refused((dataset_desc){.path = folder, .attributes = "kind"}, MOTE_ERROR_USAGE, "found no metadata.csv in", folder);
  refused((dataset_desc){.path = in("a.png"), .attributes = "kind"}, MOTE_ERROR_USAGE, "--attributes: is for a folder", "a.png");
}

static void rows_and_images_that_do_not_meet_are_counted(void **state) {
  (void)state;
  dataset set;
  write_table("file_name,kind\nx.png,elf\nb.png,orc\ny.png,orc\na.png,elf\n");
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.unlisted_count, 2);
  assert_string_equal(set.unlisted, "c.png");
  assert_int_equal(set.surplus_count, 2);
  assert_string_equal(set.surplus, "x.png");
  assert_memory_equal(set.labels, ((int[]){0, 1, -1, -1}), 4 * sizeof(int));
  dataset_finish(&set);
}

static void faulty_tables_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *first, *second;
  } cases[] = {
      {"name,kind\na.png,orc\n", "found \"name\" in the first line", "file_name"},
      {"file_name;kind\na.png;orc\n", "between commas", "file_name"},
      {"file_name\na.png\n", "no column but file_name", "metadata.csv"},
      {"file_name,kind\n", "names of columns alone", "metadata.csv"},
      {"file_name,kind\na.png,orc\nb.png,orc\n./a.png,elf\n", "lines 2 and 4", "\"a.png\" twice"},
      {"file_name,kind\n,orc\n", "line 2: found no file_name", "metadata.csv"},
      {"file_name,kind\nx.png,orc\n", "found no image of 1", "\"x.png\""},
      {"file_name,kind,kind\na.png,orc,orc\n", "two columns called \"kind\"", "metadata.csv"},
      {"file_name,a:b\na.png,orc\n", "called \"a:b\"", "no colon"},
      {"file_name,\na.png,orc\n", "called \"\"", "1 to 31 bytes"},
      {"file_name,kind\na.png,none\n", "line 2: kind is \"none\"", "another name"},
      {"file_name,kind\na.png,\nb.png,\n", "column kind is empty", "--attributes"},
      {"file_name,size\na.png,-1e308\nb.png,1e308\n", "column size holds numbers that are too large", "--attributes"},
      {"file_name,kind\na.png,\"orc\n", "a quote is opened", "line 2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_table(cases[i].text);
    refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, cases[i].first, cases[i].second);
  }
  char wide[2048] = "file_name";
  for (int i = 0; i <= MOTE_MAX_ATTRIBUTES; i++) snprintf(wide + strlen(wide), 8, ",a%d", i);
  strcat(wide, "\na.png");
  for (int i = 0; i <= MOTE_MAX_ATTRIBUTES; i++) strcat(wide, ",1");
  write_table(wide);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "found 66 columns", "64");
}

// A table of more words than there may be labels.
static void too_many_labels_are_refused(void **state) {
  (void)state;
  static char text[32 * (MOTE_MAX_LABELS + 2)] = "file_name,kind\n";
  assert_int_equal(mkdir(in("images"), 0777), 0);
  for (int i = 0; i <= MOTE_MAX_LABELS; i++) {
    char name[32];
    snprintf(name, sizeof name, "images/%d.png", i);
    if (i)
      assert_int_equal(link(in("images/0.png"), in(name)), 0);
    else
      write_image(name);
    snprintf(text + strlen(text), 32, "%d.png,w%d\n", i, i);
  }
  write_bytes(in("images/metadata.csv"), text, strlen(text));
  refused((dataset_desc){.path = in("images")}, MOTE_ERROR_FORMAT, "is label 1025 of all", "at most 1024");
}

static void a_table_of_json_says_what_makes_one(void **state) {
  (void)state;
  dataset set;
  write_bytes(in("metadata.jsonl"), "{}", 2);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "found metadata.jsonl", "pandas.read_json");
  read_set(&set, (dataset_desc){.path = folder, .attributes = "none"});
  assert_string_equal(set.left_out[0].kind, "JSON");
  dataset_finish(&set);
}

static void other_contexts_are_another_data_set(void **state) {
  (void)state;
  static const char *const tables[] = {"file_name,kind,size\na.png,orc,1\nb.png,elf,2\n", "file_name,kind,size\na.png,orc,1\nb.png,elf,3\n",
                                       "file_name,kind,area\na.png,orc,1\nb.png,elf,2\n", "file_name,kind,size\na.png,orc,2\nb.png,elf,1\n"};
  uint64_t hashes[4];
  for (int i = 0; i < 4; i++) {
    dataset set;
    write_table(tables[i]);
    read_set(&set, (dataset_desc){.path = folder});
    hashes[i] = dataset_hash(&set);
    for (int k = 0; k < i; k++) assert_true(hashes[i] != hashes[k]);
    dataset_finish(&set);
  }
}

int main(void) {
#define WITH_IMAGES(test) cmocka_unit_test_setup_teardown(test, make_images, remove_folder)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_read_as_rfc_4180_has_them),
      cmocka_unit_test(what_is_no_table_is_refused_with_its_line),
      WITH_IMAGES(words_are_labels_and_numbers_are_scaled),
      WITH_IMAGES(one_attribute_of_words_is_what_sub_folders_give),
      IN_FOLDER(sub_folders_are_an_attribute_beside_the_others),
      WITH_IMAGES(a_word_of_two_attributes_says_whose_it_is),
      WITH_IMAGES(columns_can_be_chosen),
      WITH_IMAGES(rows_and_images_that_do_not_meet_are_counted),
      WITH_IMAGES(faulty_tables_are_refused),
      IN_FOLDER(too_many_labels_are_refused),
      WITH_IMAGES(a_table_of_json_says_what_makes_one),
      WITH_IMAGES(other_contexts_are_another_data_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

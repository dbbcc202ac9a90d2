// test_files.c: what is read of files, what survives when writing one fails, and what is said about it.
#include "tests/files_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "graph/files/npy.h"
#include "graph/files/safetensors.h"

static void reading_gives_every_byte_and_a_zero_after_them(void **state) {
  (void)state;
  const char *path = in_directory("a");
  uint8_t *data;
  size_t bytes;
  for (size_t size = 0; size < 200000; size = size * 3 + 1) {
    uint8_t *written = malloc(size + 1);
    for (size_t i = 0; i < size; i++) written[i] = (uint8_t)(i * 7 + i / 251);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(written, 1, size, file), size);
    fclose(file);
    assert_int_equal(file_read(path, size, &data, &bytes, NULL), MOTE_OK);
    assert_int_equal(bytes, size);
    assert_int_equal(memcmp(data, written, size), 0);
    assert_int_equal(data[size], 0);
    free(data);
    free(written);
  }
  unlink(path);
}

static void reading_refuses_what_is_no_readable_file(void **state) {
  (void)state;
  uint8_t *data = (uint8_t *)1;
  size_t bytes;
  mote_error error;
  assert_int_equal(file_read(in_directory("absent"), 10, &data, &bytes, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "absent: cannot be opened: No such file");
  assert_null(data);
  file_read(directory, 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "is a directory");
  file_read("/dev/zero", 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "is a device or socket");
  file_read("/proc/self/mem", 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "cannot be read: Input/output error");
  write_text(in_directory("eleven"), "12345678901");
  file_read(in_directory("eleven"), 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "larger than 10 bytes");
  unlink(in_directory("eleven"));
}

static void reading_takes_pipes_and_files_without_a_size(void **state) {
  (void)state;
  int ends[2];
  uint8_t *data;
  size_t bytes;
  mote_error error;
  char path[32];
  for (size_t limit = 2; limit <= 3; limit++) {
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    if (limit == 3) {
      assert_int_equal(file_read(path, limit, &data, &bytes, &error), MOTE_OK);
      assert_string_equal((char *)data, "abc");
      free(data);
    } else {
      assert_int_equal(file_read(path, limit, &data, &bytes, &error), MOTE_ERROR_FILE);
    }
    close(ends[0]);
  }
  assert_int_equal(file_read("/proc/self/status", 100000, &data, &bytes, &error), MOTE_OK);
  assert_true(bytes > 0);
  free(data);
}

static void note_alarm(int number) {
  (void)number;
}

// Nobody writes to it: a signal ends the wait, though its handler restarts system calls.
static void a_pipe_that_nobody_writes_is_left_at_a_signal(void **state) {
  (void)state;
  const char *path = in_directory("pipe");
  uint8_t *data, head[4];
  size_t bytes;
  mote_error error;
  assert_int_equal(mkfifo(path, 0600), 0);
  struct sigaction action = {.sa_handler = note_alarm, .sa_flags = SA_RESTART}, before;
  assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
  const struct itimerval often = {{0, 100000}, {0, 100000}}, never = {{0, 0}, {0, 0}};
  assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
  assert_int_equal(file_read(path, 10, &data, &bytes, &error), MOTE_ERROR_FILE);
  assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
  assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
  assert_says(&error, MOTE_ERROR_FILE, "Interrupted");
  assert_int_equal(file_read_regular(path, 10, &data, &bytes, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "is a pipe");
  assert_int_equal(file_read_head(path, head, sizeof head, &bytes, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "is a pipe");
  unlink(path);
}

static void the_head_of_a_file_is_read(void **state) {
  (void)state;
  uint8_t head[4];
  size_t bytes;
  write_text(in_directory("a"), "12345");
  assert_int_equal(file_read_head(in_directory("a"), head, sizeof head, &bytes, NULL), MOTE_OK);
  assert_true(bytes == 4 && !memcmp(head, "1234", 4));
  write_text(in_directory("a"), "1");
  assert_int_equal(file_read_head(in_directory("a"), head, sizeof head, &bytes, NULL), MOTE_OK);
  assert_true(bytes == 1 && head[0] == '1');
  unlink(in_directory("a"));
}

static void a_pipe_longer_than_expected_is_read_to_its_end(void **state) {
  (void)state;
  enum { total = 300000 };
  int ends[2];
  uint8_t *data, *written = malloc(total);
  size_t bytes;
  char path[32];
  for (int i = 0; i < total; i++) written[i] = (uint8_t)(i * 7 + i / 251);
  assert_int_equal(pipe(ends), 0);
  assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) >= total);
  assert_int_equal(write(ends[1], written, total), total);
  close(ends[1]);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  assert_int_equal(file_read(path, total, &data, &bytes, NULL), MOTE_OK);
  close(ends[0]);
  assert_int_equal(bytes, total);
  assert_memory_equal(data, written, total);
  free(data);
  free(written);
}

static void a_file_is_replaced_only_at_commit_and_keeps_its_permissions(void **state) {
  (void)state;
  const char *path = in_directory("a");
  file_writer writer;
  struct stat info;
  mode_t old = umask(027);
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  assert_int_equal(file_writer_write(&writer, "old", 3, NULL), MOTE_OK);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  umask(old);
  file_writer_abort(&writer);
  assert_text(path, "old");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  chmod(path, 0606);
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  fprintf(writer.stream, "new%d", 1);
  assert_text(path, "old");
  assert_int_equal(count_files(), 2);
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  assert_text(path, "new1");
  stat(path, &info);
  assert_int_equal(info.st_mode & 0777, 0606);
  assert_int_equal(count_files(), 1);
  unlink(path);
}

static void an_aborted_write_leaves_the_old_file_and_nothing_else(void **state) {
  (void)state;
  const char *path = in_directory("a");
  write_text(path, "old");
  file_writer writer, nothing = {0};
  file_writer_abort(&nothing);
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  assert_int_equal(file_writer_write(&writer, "new", 3, NULL), MOTE_OK);
  file_writer_abort(&writer);
  file_writer_abort(&writer);
  assert_text(path, "old");
  assert_int_equal(count_files(), 1);
  unlink(path);
}

// Runs `write_big` while no file may grow past 4096 bytes, as on a full disk.
static void with_full_disk(void (*write_big)(const char *path, mote_error *error)) {
  const char *path = in_directory("a");
  write_text(path, "old");
  mote_error error = {0};
  struct rlimit limit, small;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &limit);
  small = (struct rlimit){4096, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  write_big(path, &error);
  setrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, handler);
  assert_says(&error, MOTE_ERROR_FILE, "a: cannot be written: File too large");
  assert_text(path, "old");
  assert_int_equal(count_files(), 1);
  unlink(path);
}

static const float zeros[10000];

static void write_big_directly(const char *path, mote_error *error) {
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, path, error), MOTE_OK);
  assert_int_equal(file_writer_write(&writer, zeros, sizeof zeros, NULL), MOTE_ERROR_FILE);
  assert_int_equal(file_writer_commit(&writer, error), MOTE_ERROR_FILE);  // remembers
}

static void write_big_in_small_parts(const char *path, mote_error *error) {
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, path, error), MOTE_OK);
  for (int i = 0; i < 4100; i++) file_writer_write(&writer, zeros, 1, NULL);
  assert_int_equal(file_writer_commit(&writer, error), MOTE_ERROR_FILE);
}

static void write_big_npy(const char *path, mote_error *error) {
  assert_int_equal(npy_write_float(path, (uint64_t[]){10000}, 1, zeros, error), MOTE_ERROR_FILE);
}

static void write_big_safetensors(const char *path, mote_error *error) {
  for (int half = 0; half < 2; half++) {
    safetensors_tensor tensor = {"t", half ? SAFETENSORS_F16 : SAFETENSORS_F32, 1, {10000}, zeros};
    assert_int_equal(safetensors_write(path, &tensor, 1, NULL, 0, error), MOTE_ERROR_FILE);
  }
}

static void a_full_disk_is_noticed_and_leaves_the_old_file_whole(void **state) {
  (void)state;
  with_full_disk(write_big_directly);
  with_full_disk(write_big_in_small_parts);
  with_full_disk(write_big_npy);
  with_full_disk(write_big_safetensors);
}

static void a_failure_to_rename_leaves_nothing_behind(void **state) {
  (void)state;
  const char *path = in_directory("a");
  file_writer writer;
  mote_error error;
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  assert_int_equal(mkdir(path, 0777), 0);
  assert_int_equal(file_writer_commit(&writer, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "a: cannot be written: Is a directory");
  assert_int_equal(count_files(), 1);
  rmdir(path);
}

static void devices_are_written_in_place(void **state) {
  (void)state;
  mote_error error;
  struct stat info;
  assert_int_equal(file_check_writable("/dev/full", NULL), MOTE_OK);
  assert_int_equal(npy_write_u8("/dev/full", (uint64_t[]){1}, 1, (uint8_t *)"x", &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "/dev/full: cannot be written: No space left on device");
  assert_int_equal(npy_write_u8("/dev/null", (uint64_t[]){1}, 1, (uint8_t *)"x", &error), MOTE_OK);
  stat("/dev/null", &info);
  assert_true(S_ISCHR(info.st_mode));
}

static void symbolic_links_are_followed(void **state) {
  (void)state;
  char link_path[128];
  strcpy(link_path, in_directory("link"));
  mote_error error;
  struct stat info;
  assert_int_equal(symlink("a", link_path), 0);
  assert_int_equal(file_check_writable(link_path, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "is a symbolic link to a file that does not exist");
  write_text(in_directory("a"), "old");
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, link_path, NULL), MOTE_OK);
  file_writer_write(&writer, "new", 3, NULL);
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  assert_text(in_directory("a"), "new");
  lstat(link_path, &info);
  assert_true(S_ISLNK(info.st_mode));
  unlink(link_path);
  unlink(in_directory("a"));
}

// A group of `count` files called a, b, ... with "new" in each; those of `old` hold "old" so far.
static void fill_group(file_group *group, int count, const char *old) {
  for (int i = 0; i < count; i++) {
    char path[128], name[2] = {(char)('a' + i), 0};
    strcpy(path, in_directory(name));
    if (strchr(old, *name)) write_text(path, "old");
    file_writer writer;
    assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
    assert_int_equal(file_writer_write(&writer, "new", 3, NULL), MOTE_OK);
    assert_int_equal(file_group_add(group, &writer, NULL), MOTE_OK);
  }
}

static void several_files_appear_together(void **state) {
  (void)state;
  file_group group = {0};
  mote_error error;
  fill_group(&group, 3, "b");
  assert_text(in_directory("b"), "old");
  assert_int_equal(file_group_commit(&group, &error), MOTE_OK);
  assert_int_equal(count_files(), 3);
  for (const char *name = "a\0b\0c\0"; *name; name += 2) {
    assert_text(in_directory(name), "new");
    unlink(in_directory(name));
  }
  fill_group(&group, 2, "b");
  file_group_abort(&group);
  assert_text(in_directory("b"), "old");
  assert_int_equal(count_files(), 1);
  unlink(in_directory("b"));
}

static void of_several_files_that_cannot_all_be_renamed_none_is_changed(void **state) {
  (void)state;
  file_group group = {0};
  mote_error error;
  fill_group(&group, 4, "ad");
  assert_int_equal(mkdir(in_directory("c"), 0777), 0);
  assert_int_equal(file_group_commit(&group, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "c: cannot be written: Is a directory");
  assert_text(in_directory("a"), "old");
  assert_text(in_directory("d"), "old");
  rmdir(in_directory("c"));
  assert_int_equal(count_files(), 2);
  unlink(in_directory("a"));
  unlink(in_directory("d"));
}

static void two_of_several_files_are_not_one(void **state) {
  (void)state;
  file_group group = {0};
  mote_error error;
  write_text(in_directory("a"), "old");
  assert_int_equal(symlink("a", in_directory("b")), 0);
  fill_group(&group, 2, "");
  assert_int_equal(file_group_commit(&group, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "b: is a link to ");
  assert_text(in_directory("a"), "old");
  assert_int_equal(count_files(), 2);
  unlink(in_directory("a"));
  unlink(in_directory("b"));
}

static void checking_whether_a_path_can_be_written_changes_nothing(void **state) {
  (void)state;
  const char *path = in_directory("a");
  assert_int_equal(file_check_writable(path, NULL), MOTE_OK);
  assert_int_equal(count_files(), 0);
  write_text(path, "old");
  assert_int_equal(file_check_writable(path, NULL), MOTE_OK);
  assert_text(path, "old");
  assert_int_equal(count_files(), 1);
  unlink(path);
  assert_int_equal(chdir(directory), 0);
  assert_int_equal(file_check_writable("bare_name", NULL), MOTE_OK);
  assert_int_equal(chdir("/"), 0);
}

static void checking_names_why_a_path_cannot_be_written(void **state) {
  (void)state;
  char long_name[300], long_path[PATH_MAX + 10];
  memset(long_name, 'x', 299), long_name[299] = 0;
  memset(long_path, '/', sizeof long_path - 1), long_path[sizeof long_path - 1] = 0;
  const struct {
    const char *path, *expected;
  } cases[] = {
      {"", "the output path is empty"},
      {"/tmp", "/tmp: is a directory"},
      {"/absent_directory/a", "/absent_directory/a: cannot be written: No such file or directory"},
      {"/tmp/absent_directory/", "names a directory that does not exist"},
      {"/dev/null/a", "Not a directory"},
      {"/proc/a", "cannot be written"},
      {long_name, "File name too long"},
      {long_path, ""},  // the reason is cut off with the path
  };
  mote_error error;
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_int_equal(file_check_writable(cases[i].path, &error), MOTE_ERROR_FILE);
    assert_says(&error, MOTE_ERROR_FILE, cases[i].expected);
  }
  if (geteuid() == 0) return;  // whom permissions do not stop
  write_text(in_directory("a"), "old");
  chmod(in_directory("a"), 0444);
  assert_int_equal(file_check_writable(in_directory("a"), &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "Permission denied");
  unlink(in_directory("a"));
  chmod(directory, 0555);
  assert_int_equal(file_check_writable(in_directory("a"), &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "Permission denied");
  chmod(directory, 0777);
}

// A file of a process that ended in the middle of it. Returns its path, the caller's to free().
static char *leave_unfinished(const char *path) {
  file_writer writer;
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (!child) {
    bool begun = !file_writer_init(&writer, path, NULL);
    _exit(!begun || write(ends[1], writer.temporary, sizeof writer.temporary) != sizeof writer.temporary);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  char *left = malloc(sizeof writer.temporary);
  assert_int_equal(read(ends[0], left, sizeof writer.temporary), sizeof writer.temporary);
  close(ends[0]);
  close(ends[1]);
  assert_int_equal(access(left, F_OK), 0);
  return left;
}

static void what_a_killed_process_left_is_swept_and_nothing_else(void **state) {
  (void)state;
  const char *const kept[] = {".mote-x-0.tmp", ".mote-7.tmp", "mote-1-0.tmp", ".mote-2147483646-0.tmp.png", ".mote-1-0.tmp"};
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", in_directory("new"));
  for (int i = 0; i < 5; i++) write_text(in_directory(kept[i]), "not a temporary file, or of a process that lives");
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  char *left = leave_unfinished(path);
  file_sweep(path);
  assert_int_equal(access(left, F_OK), -1);
  free(left);
  assert_int_equal(access(in_directory(kept[4]), F_OK), 0);
  left = leave_unfinished(path);
  file_sweep_own_folder(directory);
  assert_int_equal(access(left, F_OK), -1);
  free(left);
  for (int i = 0; i < 4; i++) assert_int_equal(unlink(in_directory(kept[i])), 0);
  assert_int_equal(access(in_directory(kept[4]), F_OK), -1);  // the folder was said to be this process's own
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  assert_int_equal(unlink(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reading_gives_every_byte_and_a_zero_after_them),
      cmocka_unit_test(reading_refuses_what_is_no_readable_file),
      cmocka_unit_test(reading_takes_pipes_and_files_without_a_size),
      cmocka_unit_test(a_pipe_that_nobody_writes_is_left_at_a_signal),
      cmocka_unit_test(the_head_of_a_file_is_read),
      cmocka_unit_test(a_pipe_longer_than_expected_is_read_to_its_end),
      cmocka_unit_test(a_file_is_replaced_only_at_commit_and_keeps_its_permissions),
      cmocka_unit_test(an_aborted_write_leaves_the_old_file_and_nothing_else),
      cmocka_unit_test(a_full_disk_is_noticed_and_leaves_the_old_file_whole),
      cmocka_unit_test(a_failure_to_rename_leaves_nothing_behind),
      cmocka_unit_test(devices_are_written_in_place),
      cmocka_unit_test(symbolic_links_are_followed),
      cmocka_unit_test(several_files_appear_together),
      cmocka_unit_test(of_several_files_that_cannot_all_be_renamed_none_is_changed),
      cmocka_unit_test(two_of_several_files_are_not_one),
      cmocka_unit_test(checking_whether_a_path_can_be_written_changes_nothing),
      cmocka_unit_test(checking_names_why_a_path_cannot_be_written),
      cmocka_unit_test(what_a_killed_process_left_is_swept_and_nothing_else),
      cmocka_unit_test(every_test_left_the_directory_empty),
  };
  return cmocka_run_group_tests_name("files", tests, make_directory, NULL);
}

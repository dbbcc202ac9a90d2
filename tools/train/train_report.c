// train_report.c: tells how training goes: log.csv, loss.png, JSON lines, and a bar or lines for a person.
#include "tools/train/train_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/number.h"
#include "tools/data/contact_sheet.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/train/plot.h"

#define ROW_STEPS 10
#define LINE_SECONDS 5.0  // between two lines where there is no terminal
#define BAR_WIDTH 24
#define CSV_MAX_BYTES ((size_t)1 << 30)

static const char csv_header[] = "step,loss,val_loss,lr,samples_per_s,seconds\n";

static mote_status keep_row(train_report *r, const train_row *row, mote_error *error) {
  if (!train_rows_add(&r->rows, row)) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its rows", r->desc.csv_path);
  if (isfinite(row->val_loss)) r->latest_val_loss = row->val_loss;
  return MOTE_OK;
}

static mote_status fail_csv(const train_report *r, mote_error *error) {
  return fail(error, MOTE_ERROR_FILE, "%s: cannot be written: %s", r->desc.csv_path, strerror(errno));
}

// One write of one line: a killed process leaves the line or none of it. Nine digits bring back a float exactly.
static bool print_row(FILE *stream, const train_row *row) {
  char val_loss[32] = "";
  if (isfinite(row->val_loss)) snprintf(val_loss, sizeof val_loss, "%.9g", row->val_loss);
  return fprintf(stream, "%" PRIu64 ",%.9g,%s,%.9g,%.6g,%.3f\n", row->step, row->loss, val_loss, row->lr,
                 row->samples_per_s, row->seconds) > 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Beginning

// Rows after the checkpoint are of steps that will be done again.
static mote_status read_rows(train_report *r, mote_error *error) {
  uint8_t *text = NULL;
  size_t bytes = 0;
  struct stat found;
  if (stat(r->desc.csv_path, &found) && errno == ENOENT) return MOTE_OK;
  TRY(file_read(r->desc.csv_path, CSV_MAX_BYTES, &text, &bytes, error));
  mote_status status =
      train_log_parse(r->desc.csv_path, (const char *)text, bytes, r->desc.resumed_step, &r->rows, error);
  for (size_t i = 0; i < r->rows.count; i++)
    if (isfinite(r->rows.rows[i].val_loss)) r->latest_val_loss = r->rows.rows[i].val_loss;
  free(text);
  return status;
}

static mote_status write_log(const train_report *r, mote_error *error) {
  file_writer writer;
  TRY(file_writer_init(&writer, r->desc.csv_path, error));
  mote_status status = file_writer_write(&writer, csv_header, sizeof csv_header - 1, error);
  for (size_t i = 0; i < r->rows.count && !status; i++)
    if (!print_row(writer.stream, &r->rows.rows[i])) status = fail_csv(r, error);
  if (!status) return file_writer_commit(&writer, error);
  file_writer_abort(&writer);
  return status;
}

mote_status train_report_init(train_report *r, const train_report_desc *desc, mote_error *error) {
  *r = (train_report){.desc = *desc, .terminal = isatty(STDERR_FILENO) != 0, .latest_val_loss = NAN};
  mote_status status = desc->resumed_step ? read_rows(r, error) : MOTE_OK;
  if (!status) status = write_log(r, error);
  if (!status && !(r->csv = fopen(desc->csv_path, "ae"))) status = fail_csv(r, error);
  if (status) train_report_finish(r);
  r->spoken = seconds_now();
  return status;
}

void train_report_finish(train_report *r) {
  train_report_break(r);
  if (r->csv) fclose(r->csv);
  free(r->rows.rows);
  *r = (train_report){0};
}

double train_report_seconds(const train_report *r) {
  return r->rows.count ? train_report_latest(r)->seconds : 0;
}

const train_row *train_report_latest(const train_report *r) {
  return r->rows.count ? &r->rows.rows[r->rows.count - 1] : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Going on

static void print_json(const train_row *row, double remaining) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "step");
  json_add_uint64(json, "step", row->step);
  cJSON_AddNumberToObject(json, "loss", row->loss);
  cJSON_AddNumberToObject(json, "val_loss", row->val_loss);  // cJSON writes NaN as null
  cJSON_AddNumberToObject(json, "lr", row->lr);
  cJSON_AddNumberToObject(json, "samples_per_s", row->samples_per_s);
  cJSON_AddNumberToObject(json, "seconds", row->seconds);
  cJSON_AddNumberToObject(json, "remaining_seconds", remaining >= 0 ? remaining : NAN);
  json_print_line(json);
}

static mote_status add_row(train_report *r, train_row row, double remaining, mote_error *error) {
  row.loss = r->loss_sum / r->loss_count;
  r->loss_sum = 0;
  r->loss_count = 0;
  TRY(keep_row(r, &row, error));
  if (!print_row(r->csv, &row) || fflush(r->csv)) return fail_csv(r, error);
  if (r->desc.json) print_json(&row, remaining);
  return MOTE_OK;
}

// `42 %, loss 0.0812, validation 0.0841, 1.2e+03 samples/s, 3:20 left`. Between two rows the loss is the mean so far.
static void show(train_report *r, const train_chunk *c) {
  double now = seconds_now(), loss = r->loss_count ? r->loss_sum / r->loss_count : train_report_latest(r)->loss;
  if (r->desc.json || (!r->terminal && now - r->spoken < LINE_SECONDS)) return;
  r->spoken = now;
  char left[32] = "?", validation[48] = "";
  if (c->remaining >= 0) format_seconds(c->remaining, left, sizeof left);
  if (isfinite(r->latest_val_loss)) snprintf(validation, sizeof validation, ", validation %.4g", r->latest_val_loss);
  char line[192];
  snprintf(line, sizeof line, "%d %%, loss %.4g%s, %.4g samples/s, %s left", (int)(100 * c->share), loss, validation,
           c->samples_per_s, left);
  uint64_t step = c->steps_before + (uint64_t)c->count;
  if (!r->terminal) {
    say("training, step %" PRIu64 ": %s", step, line);
    return;
  }
  char bar[BAR_WIDTH + 1] = "";
  for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < (int)(c->share * BAR_WIDTH) ? '#' : '.';
  // ESC [K clears what a longer line before may have left.
  fprintf(stderr, "\rstep %" PRIu64 " [%s] %s\033[K", step, bar, line);
  fflush(stderr);
  r->bar_open = true;
}

mote_status train_report_add(train_report *r, const train_chunk *c, mote_error *error) {
  for (int i = 0; i < c->count; i++) {
    bool last = i + 1 == c->count;
    train_row row = {.step = c->steps_before + (uint64_t)i + 1,
                     .val_loss = last ? c->val_loss : NAN,
                     .lr = c->lr_before + (c->lr_after - c->lr_before) * i / c->count,
                     .samples_per_s = c->samples_per_s,
                     .seconds = c->seconds};
    r->loss_sum += c->losses[i];
    r->loss_count++;
    if (row.step % ROW_STEPS == 0 || (last && (c->row || isfinite(c->val_loss))))
      TRY(add_row(r, row, c->remaining, error));
  }
  if (c->count) show(r, c);
  return MOTE_OK;
}

void train_report_break(train_report *r) {
  if (r->bar_open) fputc('\n', stderr);
  r->bar_open = false;
}

mote_status train_report_draw(const train_report *r, mote_error *error) {
  plot_point *points = malloc((r->rows.count + 1) * sizeof *points);
  if (!points) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory to draw it", r->desc.curve_path);
  for (size_t i = 0; i < r->rows.count; i++)
    points[i] = (plot_point){(double)r->rows.rows[i].step, r->rows.rows[i].loss, r->rows.rows[i].val_loss};
  image picture;
  mote_status status = plot_losses(&picture, points, r->rows.count, error);
  free(points);
  if (status) return status;
  status = image_save_png(&picture, r->desc.curve_path, error);
  image_finish(&picture);
  return status;
}

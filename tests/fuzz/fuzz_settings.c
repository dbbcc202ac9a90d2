// fuzz_settings.c: whatever settings.json holds, going on with it fails with a message or finds every setting in its range.
#include <stdlib.h>
#include <string.h>

#include "tools/train/train_options.h"
#include "tools/train/train_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

static void check_range(const train_options *o, const train_setting *s) {
  const void *value = train_setting_value(o, s);
  double number = s->kind == SETTING_INT ? *(const int *)value : s->kind == SETTING_DOUBLE ? *(const double *)value : s->minimum;
  // What was not given may be 0, or -1, which stand for that.
  check((number >= s->minimum && number <= s->maximum) || number == 0 || number == -1);
  if (s->kind != SETTING_CHOICE) return;
  int count = 0;
  while (s->choices[count]) count++;
  check(*(const int *)value >= 0 && *(const int *)value < count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  const char *words[] = {"train", "-o", "m.safetensors", "--resume", NULL};
  train_options options;
  int exit_code = 0;
  mote_error error = {0};
  check(train_options_init(&options, 4, words, &exit_code));
  mote_status status = train_settings_parse(&options, "settings.json", (const char *)data, bytes, bytes % 2, &error);
  if (!status) status = train_options_check(&options, &error);
  check(status == error.status && !status == !error.message[0]);
  for (int i = 0; !status && i < options.setting_count; i++) check_range(&options, &options.settings[i]);
  check(status || options.data);
  train_options_finish(&options);
  return 0;
}

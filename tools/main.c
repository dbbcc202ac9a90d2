// main.c: the mote program: finds the command that was asked for and runs it.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mote.h"
#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/say.h"

typedef struct command {
  const char *name;
  int (*run)(int argc, const char **argv);
  const char *summary;
} command;

// To add a command: write tools/commands/NAME.c, declare its function in tools/command.h, add one line here.
static const command commands[] = {
    {"sample", command_sample, "make images from a model"},
    {"train", command_train, "make a model from images"},
    {"distill", command_distill, "make a model of few steps from one of many"},
    {"evaluate", command_evaluate, "how good a model is: loss by noise level, held out and not, and copying"},
    {"info", command_info, "what a model or a data set is: shapes, classes, memory and cost"},
    {"devices", command_devices, "every Vulkan device, what it offers, which one would be chosen and why"},
    {"forward", command_forward, "one pass through the network, .npy in and out"},
    {"backward", command_backward, "loss and gradients of one batch, .npy in and safetensors out"},
    {"export", command_export, "a unet2d as a folder that diffusers loads"},
    {"bench", command_bench, "layers and steps over batch sizes, against this device's ceilings"},
    {"profile", command_profile, "every dispatch of a step, against this device's ceilings"},
    {"selftest", command_selftest, "every kernel against its CPU reference on this device; for bug reports"},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_help(FILE *stream) {
  char lines[128 * (COMMAND_COUNT + 1)] = "";
  for (size_t i = 0, used = 0; i < COMMAND_COUNT; i++, used = strlen(lines))
    snprintf(lines + used, sizeof lines - used, "  %-9s %s\n", commands[i].name, commands[i].summary);
  print_help_text(stream, "Usage: mote COMMAND [OPTION...]\n\nTrains small image diffusion models, and samples from them, on any "
                          "Vulkan device.\n\n");
  print_help_text(stream, lines);
  print_help_text(stream, "\n`mote COMMAND --help` lists a command's options. `mote --version` prints the version.\n"
                          "Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

static int command_run(int argc, const char **argv) {
  if (argc < 2) {
    print_help(stderr);
    return COMMAND_USAGE;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    print_help(stdout);
    return COMMAND_DONE;
  }
  if (!strcmp(argv[1], "--version")) {
    print("mote " MOTE_VERSION "\n");
    return COMMAND_DONE;
  }
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (!strcmp(argv[1], commands[i].name)) return commands[i].run(argc - 1, argv + 1);
  char names[16 * COMMAND_COUNT] = "";
  for (size_t i = 0, used = 0; i < COMMAND_COUNT; i++, used = strlen(names))
    snprintf(names + used, sizeof names - used, "%s %s", i ? "," : "", commands[i].name);
  say("found \"%s\", expected a command:%s", argv[1], names);
  return COMMAND_USAGE;
}

int main(int argc, char **argv) {
  interrupt_ignore_failed_writes();
  int code = command_run(argc, (const char **)argv);
  // A result that did not reach a full disk or a closed pipe is a failure, and stdio notices only here.
  errno = 0;
  if ((fflush(stdout) || ferror(stdout)) && code == COMMAND_DONE) {
    say("standard output: %s", errno ? strerror(errno) : "write failed");
    code = COMMAND_FAILED;
  }
  return code;
}

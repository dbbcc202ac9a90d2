// command.h: the commands of the mote program and the exit codes that they share.
#ifndef MOTE_TOOLS_COMMAND_H
#define MOTE_TOOLS_COMMAND_H

typedef enum command_exit {
  COMMAND_DONE = 0,
  COMMAND_FAILED = 1,
  COMMAND_USAGE = 2,
} command_exit;

// One a file of tools/commands/. Each gets its own words, argv[0] being the command's name, and returns a command_exit. Results go to stdout;
// progress, warnings and errors to stderr.
int command_sample(int argc, const char **argv);
int command_train(int argc, const char **argv);
int command_distill(int argc, const char **argv);
int command_evaluate(int argc, const char **argv);
int command_info(int argc, const char **argv);
int command_devices(int argc, const char **argv);
int command_forward(int argc, const char **argv);
int command_backward(int argc, const char **argv);
int command_export(int argc, const char **argv);
int command_bench(int argc, const char **argv);
int command_profile(int argc, const char **argv);
int command_selftest(int argc, const char **argv);

#endif

// step_advance.comp: adds one to the step index. One invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/step.h"

layout(local_size_x = 1) in;
layout(binding = 0) buffer Step { uint step_words[]; };  // STEP_WORDS, raw

void main() { step_words[STEP_INDEX] += 1; }

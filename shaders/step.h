// step.h: what changes from replay to replay: one small buffer that the graph itself advances.
#include "shaders/types.h"

// Words of the step buffer.
#define STEP_INDEX 0         // replays done in this run
#define STEP_SEED_LOW 1
#define STEP_SEED_HIGH 2
#define STEP_FIRST_SAMPLE 3  // index within the run of the batch's first image
#define STEP_ARRIVED 4       // workgroups of a dispatch that advances the index which have read it; 0 between dispatches
#define STEP_WORDS 8

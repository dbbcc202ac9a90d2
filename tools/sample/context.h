// context.h: reads what `--context` asks for, in words of the model's labels and attributes.
#ifndef MOTE_TOOLS_SAMPLE_CONTEXT_H
#define MOTE_TOOLS_SAMPLE_CONTEXT_H

#include <stddef.h>

#include "mote.h"

// Turns SPEC into the model's n_cfeat numbers. SPEC is a label (`hero`), a mixture (`hero=1,item=0.6`), labels and numbers of
// several attributes (`orc, red=0.5, size=12`), n_cfeat numbers (`0.2,0,1,0,0`), or `none` (zeros); a label of that spelling wins
// over the other readings, and `colour:red` is the label red of colour. Anything else is MOTE_ERROR_USAGE with `option` and the
// labels that there are.
mote_status context_parse(const char *option, const char *spec, const mote_model_info *model, float *values, mote_error *error);

// Turns `colour=3,size=1.5` into a scale for each of these attributes, which `--guidance-of` asks for; the others' stay 0.
mote_status guidance_parse(const char *option, const char *spec, const mote_model_info *model, double scales[MOTE_MAX_ATTRIBUTES],
                           mote_error *error);

#endif

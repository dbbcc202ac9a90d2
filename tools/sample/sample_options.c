// sample_options.c: what `mote sample` was asked for.
#include "tools/sample/sample_options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/list.h"
#include "runtime/number.h"
#include "tools/images/image.h"
#include "tools/images/palette.h"
#include "tools/open.h"
#include "tools/output.h"

const char *const sampler_names[] = {[MOTE_SAMPLER_DDIM] = "ddim", [MOTE_SAMPLER_DDPM] = "ddpm",
                                     [MOTE_SAMPLER_DPMPP] = "dpm++", [MOTE_SAMPLER_DPMPP_SDE] = "dpm++-sde",
                                     [MOTE_SAMPLER_EULER] = "euler", [MOTE_SAMPLER_HEUN] = "heun", NULL};

static const char *const grid_names[] = {
    [MOTE_GRID_UNIFORM] = "uniform",     [MOTE_GRID_QUADRATIC] = "quadratic", [MOTE_GRID_KARRAS] = "karras",
    [MOTE_GRID_DIFFUSERS] = "diffusers", [MOTE_GRID_LEADING] = "leading",     [MOTE_GRID_TRAILING] = "trailing",
    [MOTE_GRID_LINSPACE] = "linspace",   NULL};

enum {
  OPTION_GRID = 1,
  OPTION_COUNT,
  OPTION_SAMPLER,
  OPTION_STEPS,
  OPTION_ETA,
  OPTION_CONTEXT,
  OPTION_CONTEXT_NPY,
  OPTION_SEED,
  OPTION_FIRST,
  OPTION_SCALE,
  OPTION_PALETTE,
  OPTION_EACH,
  OPTION_GIF,
  OPTION_NPY,
  OPTION_X_INIT,
  OPTION_BATCH,
  OPTION_TIMESTEPS,
  OPTION_GUIDANCE,
  OPTION_GUIDANCE_OF,
  OPTION_GUIDANCE_INTERVAL,
  OPTION_AVOID,
  OPTION_CLIP_X0,
  OPTION_THRESHOLD,
  OPTION_COLUMNS,
  OPTION_SHEET,
  OPTION_ALPHA_THRESHOLD,
  OPTION_INIT,
  OPTION_STRENGTH,
  OPTION_MASK,
  OPTION_RESAMPLE,
  OPTION_BACKGROUND,
  OPTION_INTERPOLATE,
  OPTION_TO_SEED,
  OPTION_VARIATION,
  OPTION_PREVIEW,
  OPTION_MOMENTS,
  OPTION_SHEET_FORMAT,
  OPTION_SIZE,
};

static const char *const sheet_formats[] = {"array", "hash", NULL};

// To add an option: one value above, one line here, one case in take_option, one field in sample_options.
static const struct poptOption table[] = {
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_GRID, "write all images as one grid", "out.png"},
    {"each", 0, POPT_ARG_STRING, NULL, OPTION_EACH, "write each image into this folder as 0000.png, 0001.png, ...",
     "DIR"},
    {"gif", 0, POPT_ARG_STRING, NULL, OPTION_GIF, "write how the grid comes out of the noise", "path.gif"},
    {"moments", 0, POPT_ARG_STRING, NULL, OPTION_MOMENTS,
     "write nine moments of each image in a row, from the noise to the result", "moments.png"},
    {"npy", 0, POPT_ARG_STRING, NULL, OPTION_NPY, "write float32 (N,C,h,w), nominally from -1 to 1", "path.npy"},
    {"sheet", 0, POPT_ARG_STRING, NULL, OPTION_SHEET, "write where each image lies in -o, as Aseprite and TexturePacker do",
     "path.json"},
    {"sheet-format", 0, POPT_ARG_STRING, NULL, OPTION_SHEET_FORMAT, "its frames as an array or a hash (default array)", "FORM"},
    {"preview", 0, POPT_ARG_NONE, NULL, OPTION_PREVIEW, "show the images in the terminal", NULL},
    {"count", 'n', POPT_ARG_STRING, NULL, OPTION_COUNT, "how many images (default 64, or as --x-init holds)", "N"},
    {"size", 0, POPT_ARG_STRING, NULL, OPTION_SIZE,
     "of the images in pixels, across and down, which a unet2d makes of any size that its levels divide (default: that of MODEL)", "N|WxH"},
    {"sampler", 0, POPT_ARG_STRING, NULL, OPTION_SAMPLER, "ddim, ddpm, dpm++, dpm++-sde, euler or heun (default ddim)", "NAME"},
    {"steps", 0, POPT_ARG_STRING, NULL, OPTION_STEPS,
     "passes through the network, 1 to the model's timesteps T (default 25, T for ddpm; what MODEL was distilled to)", "N"},
    {"eta", 0, POPT_ARG_STRING, NULL, OPTION_ETA, "noise of ddim, 0 to 1 (default 0: none)", "E"},
    {"grid", 0, POPT_ARG_STRING, NULL, OPTION_TIMESTEPS,
     "which timesteps are visited: uniform, quadratic, karras, diffusers, leading, trailing or linspace (default as MODEL's scheduler "
     "says, else uniform)", "NAME"},
    {"clip-x0", 0, POPT_ARG_NONE, NULL, OPTION_CLIP_X0, "clamp the image that each step predicts to -1 to 1", NULL},
    {"threshold", 0, POPT_ARG_STRING, NULL, OPTION_THRESHOLD,
     "dynamic thresholding of that image at this quantile, 0.5 to 1 (default: none)", "P"},
    {"guidance", 0, POPT_ARG_STRING, NULL, OPTION_GUIDANCE,
     "lead towards the context with this scale, 0.01 to 100; 1: no guidance, half the work (default 2 if MODEL was trained with "
     "--context-drop and a context is given, else 1)", "W"},
    {"guidance-of", 0, POPT_ARG_STRING, NULL, OPTION_GUIDANCE_OF,
     "lead towards single attributes of the context with scales of their own, such as colour=3,size=1; half of guidance's work "
     "more for each", "A=W[,...]"},
    {"guidance-interval", 0, POPT_ARG_STRING, NULL, OPTION_GUIDANCE_INTERVAL,
     "guide only at timesteps from LO to HI, in fractions of T (default 0:1)", "LO:HI"},
    {"avoid", 0, POPT_ARG_STRING, NULL, OPTION_AVOID,
     "with --guidance, lead away from this context (default none); several are dealt out in turn", "SPEC"},
    {"context", 0, POPT_ARG_STRING, NULL, OPTION_CONTEXT,
     "a label, a mixture (hero=1,item=0.6), labels and numbers of several attributes (\"orc, red, size=12\"), K numbers or none "
     "(default none); several are dealt out in turn", "SPEC"},
    {"context-npy", 0, POPT_ARG_STRING, NULL, OPTION_CONTEXT_NPY, "contexts (N,K), dealt out in turn", "c.npy"},
    {"seed", 0, POPT_ARG_STRING, NULL, OPTION_SEED, "0 to 18446744073709551615 (default 0)", "S"},
    {"first", 0, POPT_ARG_STRING, NULL, OPTION_FIRST, "index of the first image within the run (default 0)", "I"},
    {"batch", 0, POPT_ARG_STRING, NULL, OPTION_BATCH, "images at once, 1 to " NUMBER_TEXT(MOTE_BATCH_MAX) " (default N, 64 at most)", "B"},
    {"x-init", 0, POPT_ARG_STRING, NULL, OPTION_X_INIT, "start from this noise (N,C,h,w), row I for image I", "xT.npy"},
    {"init", 0, POPT_ARG_STRING, NULL, OPTION_INIT,
     "start from this image (PNG, or .npy of N,C,h,w); several are dealt out in turn", "FILE"},
    {"strength", 0, POPT_ARG_STRING, NULL, OPTION_STRENGTH,
     "how far from --init: 0.01 leaves it, 1 forgets it (default 0.5, with --mask 1)", "S"},
    {"mask", 0, POPT_ARG_STRING, NULL, OPTION_MASK, "inpaint: white is made anew, black stays as --init has it", "FILE"},
    {"resample", 0, POPT_ARG_STRING, NULL, OPTION_RESAMPLE,
     "with --mask, go over each step so many times, 1 to 100 (default 1)", "R"},
    {"background", 0, POPT_ARG_STRING, NULL, OPTION_BACKGROUND,
     "what transparent pixels of --init lie on where the model has no alpha (default black)", "COLOUR"},
    {"interpolate", 0, POPT_ARG_NONE, NULL, OPTION_INTERPOLATE,
     "go in even steps from the first of two --context to the second, or to --to-seed; --gif shows the way", NULL},
    {"to-seed", 0, POPT_ARG_STRING, NULL, OPTION_TO_SEED, "with --interpolate, the seed at the other end", "S"},
    {"variation", 0, POPT_ARG_STRING, NULL, OPTION_VARIATION,
     "all images are the first one with this much of their own noise, 0.001 to 1", "A"},
    {"columns", 0, POPT_ARG_STRING, NULL, OPTION_COLUMNS, "of the grid (default: about as many as rows)", "N"},
    {"scale", 0, POPT_ARG_STRING, NULL, OPTION_SCALE, "enlarge PNG and GIF K times, 1 to 64 (default 1)", "K"},
    {"palette", 0, POPT_ARG_STRING, NULL, OPTION_PALETTE,
     "reduce the PNGs to 2 to 256 colours of the run's own, or to those of a file (an image, .gpl, .pal, .hex, .txt)", "N|FILE"},
    {"alpha-threshold", 0, POPT_ARG_STRING, NULL, OPTION_ALPHA_THRESHOLD,
     "make pixels whose alpha is this or more opaque, the others clear, 1 to 255 (default: as they are)", "A"},
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "sample",
    .usage = "[MODEL] -o out.png [OPTION...]",
    .table = table,
    .notes =
        "Example: 16 sprites, half heroes and half items, four times enlarged, and the way there as an animation:\n"
        "  mote sample sprites.safetensors -n 16 --context hero --context item --scale 4 -o out.png --gif out.gif\n\n"
        "The same seed gives the same images on every device; image 17 of 64 alone: -n 1 --first 17.\n"
        "Files appear when all is done. Ctrl-C ends after the step at work, writes the images as they are by then\n"
        "(those not begun are left out), says how many are finished, and exits with 1. A second one ends at once.\n",
};

static mote_status add_spec(const char ***specs, int *count, const char *spec, mote_error *error) {
  if (!LIST_ROOM(*specs, *count)) return fail(error, MOTE_ERROR_MEMORY, "no memory to read the options");
  (*specs)[(*count)++] = spec;
  return MOTE_OK;
}

// LO:HI, 0 <= LO < HI <= 1.
static mote_status take_interval(sample_options *s, const char *text, mote_error *error) {
  const char *end = text;
  double low = 0, high = 0;
  bool read = number_parse(text, &end, &low) && *end == ':' && number_parse(end + 1, &end, &high) && !*end;
  if (!read || low < 0 || low >= high || high > 1)
    return fail(error, MOTE_ERROR_USAGE, "--guidance-interval: found \"%s\", expected LO:HI with 0 <= LO < HI <= 1", text);
  s->guidance_low = low;
  s->guidance_high = high;
  return MOTE_OK;
}

static mote_status take_palette(sample_options *s, const char *text, mote_error *error) {
  s->palette = 0;
  s->palette_file = NULL;
  if (text[0] == '+' || text[0] == '-' || (text[0] >= '0' && text[0] <= '9' && !strchr(text, '.')))
    return option_int("--palette", text, 2, PALETTE_MAX, &s->palette, error);
  s->palette_file = text;
  return MOTE_OK;
}

// The options that say what a run starts from, and how its images follow each other.
static mote_status take_edit_option(sample_options *s, int value, const char *text, mote_error *error) {
  switch (value) {
    case OPTION_INIT: return add_spec(&s->inits, &s->init_count, text, error);
    case OPTION_STRENGTH: return option_double("--strength", text, 0.01, 1, &s->strength, error);
    case OPTION_MASK: s->mask = text; return MOTE_OK;
    case OPTION_RESAMPLE: return option_int("--resample", text, 1, 100, &s->resample, error);
    case OPTION_BACKGROUND: s->background = text; return MOTE_OK;
    case OPTION_INTERPOLATE: s->interpolate = true; return MOTE_OK;
    case OPTION_TO_SEED: s->has_to_seed = true; return option_uint64("--to-seed", text, UINT64_MAX, &s->to_seed, error);
    case OPTION_VARIATION: return option_double("--variation", text, 0.001, 1, &s->variation, error);
    case OPTION_COLUMNS: return option_int("--columns", text, 1, 65535, &s->columns, error);
    case OPTION_ALPHA_THRESHOLD: return option_int("--alpha-threshold", text, 1, 255, &s->alpha_threshold, error);
    default: return MOTE_OK;
  }
}

// The options that say how a step is made.
static mote_status take_step_option(sample_options *s, int value, const char *text, mote_error *error) {
  int choice = 0;
  switch (value) {
    case OPTION_CLIP_X0: s->clip_x0 = true; return MOTE_OK;
    case OPTION_THRESHOLD: return option_double("--threshold", text, 0.5, 1, &s->threshold, error);
    case OPTION_GUIDANCE_OF: s->guidance_of = text; return MOTE_OK;
    case OPTION_GUIDANCE: return option_double("--guidance", text, 0.01, 100, &s->guidance, error);
    case OPTION_GUIDANCE_INTERVAL: return take_interval(s, text, error);
    case OPTION_AVOID: return add_spec(&s->avoided, &s->avoid_count, text, error);
    case OPTION_TIMESTEPS:
      TRY(option_choice("--grid", text, grid_names, &choice, error));
      s->timestep_grid = (mote_grid)choice;
      return MOTE_OK;
    default: return take_edit_option(s, value, text, error);
  }
}

static mote_status take_option(sample_options *s, int value, const char *text, mote_error *error) {
  int kind = 0;
  switch (value) {
    case OPTION_GRID: s->grid = text; return MOTE_OK;
    case OPTION_EACH: s->each = text; return MOTE_OK;
    case OPTION_GIF: s->gif = text; return MOTE_OK;
    case OPTION_MOMENTS: s->moments = text; return MOTE_OK;
    case OPTION_NPY: s->npy = text; return MOTE_OK;
    case OPTION_CONTEXT: return add_spec(&s->contexts, &s->context_count, text, error);
    case OPTION_CONTEXT_NPY: s->context_npy = text; return MOTE_OK;
    case OPTION_X_INIT: s->x_init = text; return MOTE_OK;
    case OPTION_SIZE: return option_size("--size", text, 1, IMAGE_MOST_SIDE, s->size, error);
    case OPTION_COUNT: return option_int("-n", text, 1, SAMPLE_COUNT_MAX, &s->count, error);
    case OPTION_STEPS: return option_int("--steps", text, 1, 1000000, &s->steps, error);
    case OPTION_ETA: return option_double("--eta", text, 0, 1, &s->eta, error);
    case OPTION_SEED: return option_uint64("--seed", text, UINT64_MAX, &s->seed, error);
    case OPTION_FIRST: return option_uint64("--first", text, UINT32_MAX, &s->first, error);
    case OPTION_BATCH: return option_int("--batch", text, 1, MOTE_BATCH_MAX, &s->batch, error);
    case OPTION_SCALE: return option_int("--scale", text, 1, 64, &s->scale, error);
    case OPTION_PREVIEW: s->preview = true; return MOTE_OK;
    case OPTION_SHEET: s->sheet = text; return MOTE_OK;
    case OPTION_SHEET_FORMAT:
      TRY(option_choice("--sheet-format", text, sheet_formats, &kind, error));
      s->sheet_format = kind ? SHEET_HASH : SHEET_ARRAY;
      return MOTE_OK;
    case OPTION_PALETTE: return take_palette(s, text, error);
    case OPTION_SAMPLER:
      TRY(option_choice("--sampler", text, sampler_names, &kind, error));
      s->kind = (mote_sampler_kind)kind;
      return MOTE_OK;
    default: return take_step_option(s, value, text, error);
  }
}

static mote_status check_extensions(const sample_options *s, mote_error *error) {
  if (s->grid) TRY(output_check_extension("-o", s->grid, ".png", error));
  if (s->gif) TRY(output_check_extension("--gif", s->gif, ".gif", error));
  if (s->moments) TRY(output_check_extension("--moments", s->moments, ".png", error));
  if (s->npy) TRY(output_check_extension("--npy", s->npy, ".npy", error));
  if (s->sheet) TRY(output_check_extension("--sheet", s->sheet, ".json", error));
  return MOTE_OK;
}

// --interpolate and --variation are about the noise that images start from.
static mote_status check_course(const sample_options *s, mote_error *error) {
  const char *name = s->interpolate ? "--interpolate" : "--variation";
  if (s->has_to_seed && !s->interpolate)
    return fail(error, MOTE_ERROR_USAGE, "--to-seed: found no --interpolate, which it is for");
  if (!s->interpolate && s->variation == 0) return MOTE_OK;
  if (s->interpolate && s->variation > 0)
    return fail(error, MOTE_ERROR_USAGE, "found both --interpolate and --variation, expected one of them");
  if (s->inits || s->x_init)
    return fail(error, MOTE_ERROR_USAGE, "%s: found %s with it, expected the seed's own noise", name,
                s->inits ? "--init" : "--x-init");
  if (s->kind == MOTE_SAMPLER_DDPM || s->kind == MOTE_SAMPLER_DPMPP_SDE || s->eta > 0)
    return fail(error, MOTE_ERROR_USAGE, "%s: found a sampler that adds noise, expected ddim without --eta, or dpm++",
                name);
  if (!s->interpolate) return MOTE_OK;
  if (s->moments) return fail(error, MOTE_ERROR_USAGE, "found both --interpolate and --moments, expected one of them");
  if (s->context_npy || (s->context_count != 2 && !(s->has_to_seed && s->context_count < 2)))
    return fail(error, MOTE_ERROR_USAGE, "--interpolate: found %d --context, expected two, or --to-seed and at most two",
                s->context_count);
  if (s->count == 1) return fail(error, MOTE_ERROR_USAGE, "-n: found 1 with --interpolate, expected at least 2");
  return MOTE_OK;
}

static mote_status check_edit(const sample_options *s, mote_error *error) {
  const struct {
    bool given;
    const char *name;
  } needs_init[] = {{s->strength > 0, "--strength"}, {s->mask, "--mask"}, {s->background, "--background"}};
  for (int i = 0; i < 3; i++)
    if (needs_init[i].given && !s->inits)
      return fail(error, MOTE_ERROR_USAGE, "%s: found no --init, which it is for", needs_init[i].name);
  if (s->resample && !s->mask) return fail(error, MOTE_ERROR_USAGE, "--resample: found no --mask, which it is for");
  if (s->inits && s->x_init)
    return fail(error, MOTE_ERROR_USAGE, "found both --init and --x-init, expected one of them");
  return check_course(s, error);
}

static mote_status check_combinations(const sample_options *s, mote_error *error) {
  if (!s->grid && !s->each && !s->gif && !s->moments && !s->npy && !s->preview)
    return fail(error, MOTE_ERROR_USAGE,
                "no output given, expected at least one of -o, --each, --gif, --moments, --npy, --preview");
  if (s->preview && s->base.common.json)
    return fail(error, MOTE_ERROR_USAGE, "found both --preview and --json, expected one of them: both print to stdout");
  if (s->contexts && s->context_npy)
    return fail(error, MOTE_ERROR_USAGE, "found both --context and --context-npy, expected one of them");
  if (s->eta > 0 && s->kind != MOTE_SAMPLER_DDIM)
    return fail(error, MOTE_ERROR_USAGE, "--eta: found it with --sampler %s, expected ddim", sampler_names[s->kind]);
  if (s->clip_x0 && s->threshold > 0)
    return fail(error, MOTE_ERROR_USAGE, "found both --clip-x0 and --threshold, expected one of them");
  if ((s->palette || s->palette_file) && !s->grid && !s->each && !s->preview)
    return fail(error, MOTE_ERROR_USAGE, "--palette: found none of -o, --each and --preview, which it is for");
  if (s->sheet_format && !s->sheet)
    return fail(error, MOTE_ERROR_USAGE, "--sheet-format: found no --sheet, which it is for");
  if (s->sheet && !s->grid) return fail(error, MOTE_ERROR_USAGE, "--sheet: found no -o, which it is for");
  if (s->scale && !s->grid && !s->each && !s->gif && !s->moments)
    return fail(error, MOTE_ERROR_USAGE, "--scale: found none of -o, --each, --gif and --moments, which it is for");
  if ((s->gif || s->moments) && s->count > SAMPLE_GIF_MAX)
    return fail(error, MOTE_ERROR_USAGE, "-n: found %d with %s, expected at most %d", s->count,
                s->gif ? "--gif" : "--moments", SAMPLE_GIF_MAX);
  TRY(check_edit(s, error));
  TRY(check_extensions(s, error));
  return check_model_given(s->model, error);
}

bool sample_options_init(sample_options *s, int argc, const char **argv, int *exit_code) {
  *s = (sample_options){0};
  mote_error error;
  const char *text = NULL;
  int value = 0;
  if (options_init(&s->base, &desc, argc, argv, &error)) goto fail;
  while ((value = options_next(&s->base, &text)) > 0)
    if (take_option(s, value, text, &error)) goto fail;
  if (value == OPTIONS_STOP) {
    *exit_code = s->base.exit_code;
    return false;
  }
  s->model = options_word(&s->base);
  if (options_no_more_words(&s->base, &error) || check_combinations(s, &error)) goto fail;
  if (!s->scale) s->scale = 1;
  return true;
fail:
  *exit_code = report(&error);
  return false;
}

const char *sample_options_spec(const sample_options *s, uint64_t index) {
  return s->context_count && !s->interpolate ? s->contexts[index % (uint64_t)s->context_count] : NULL;
}

void sample_options_finish(sample_options *s) {
  free(s->contexts);
  free(s->avoided);
  free(s->inits);
  options_finish(&s->base);
  *s = (sample_options){0};
}

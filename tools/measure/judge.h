// judge.h: what a classifier makes of generated images: whether they show what was asked for, and how their features are
// spread beside those of real ones.
#ifndef MOTE_TOOLS_MEASURE_JUDGE_H
#define MOTE_TOOLS_MEASURE_JUDGE_H

#include "mote.h"
#include "tools/data/dataset.h"
#include "tools/measure/estimate.h"

typedef struct judge_desc {
  mote_model *classifier;           // a classifier of the images' size, channels and classes
  const dataset *train, *held_out;  // labelled
  const uint8_t *samples;           // count × height × width × channels; image i was asked for as class i mod classes
  int count;
  uint64_t seed;                    // of the resampling that gives the intervals
} judge_desc;

// The Fréchet distance of two normal distributions, |μ1 - μ2|² + tr(C1 + C2 - 2 (C1 C2)^½), of images' features (Heusel et al.
// 2017, there of another classifier). Real images are weighed so that all classes count the same, as they do among samples. It
// shrinks as images become more, so that only runs of the same number compare.
typedef struct judgement {
  int classes;
  estimate accuracy, held_out_accuracy;  // part that the classifier finds to be of the class asked for, or labelled
  estimate class_accuracy[MOTE_MAX_LABELS], held_out_class_accuracy[MOTE_MAX_LABELS];
  estimate frechet, held_out_frechet;    // to the training images; half widths by the bootstrap
} judgement;

mote_status judge(const judge_desc *desc, judgement *result, mote_error *error);

#endif

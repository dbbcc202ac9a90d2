// test_schedule.c: noise levels against values computed elsewhere, and samplers against what their papers promise.
#include "tests/support.h"

#include "graph/diffusion/schedule.h"

static const mote_model_info linear = {.timesteps = 500, .beta_start = 1e-4, .beta_end = 0.02};
static const mote_model_info cosine = {
    .timesteps = 500, .schedule = MOTE_SCHEDULE_COSINE, .beta_start = 1e-4, .beta_end = 0.02};

typedef struct level {
  int t;
  double alpha_bar;
} level;

static void alpha_bars(const mote_model_info *info, double *alpha_bar) {
  noising *noisings = calloc((size_t)info->timesteps + 1, sizeof *noisings);
  schedule_noisings(info, noisings);
  for (int t = 0; t <= info->timesteps; t++) {
    alpha_bar[t] = noisings[t].signal * noisings[t].signal;
    assert_true(fabs(alpha_bar[t] + noisings[t].noise * noisings[t].noise - 1) < 1e-15);
  }
  free(noisings);
}

static void assert_levels(const mote_model_info *info, const level *levels, size_t count) {
  double *alpha_bar = calloc((size_t)info->timesteps + 1, sizeof *alpha_bar);
  alpha_bars(info, alpha_bar);
  for (size_t i = 0; i < count; i++)
    if (fabs(alpha_bar[levels[i].t] / levels[i].alpha_bar - 1) > 1e-12)
      fail_msg("alpha_bar[%d] is %.17g, expected %.17g", levels[i].t, alpha_bar[levels[i].t], levels[i].alpha_bar);
  for (int t = 1; t <= info->timesteps; t++) assert_true(alpha_bar[t] < alpha_bar[t - 1] && alpha_bar[t] > 0);
  assert_true(alpha_bar[0] == 1);
  free(alpha_bar);
}

// Python, in fractions: p = 1; for t in range(T + 1): p *= 1 - (b1 + (b2 - b1)*Fraction(t, T)); the first is set to 1.
static void linear_levels_are_the_product_from_beta_0_on(void **unused) {
  (void)unused;
  static const level levels[] = {{0, 1},
                                 {1, 0.99976021398},
                                 {2, 0.9995806570455692},
                                 {10, 0.9967158257590063},
                                 {100, 0.8094670773860788},
                                 {250, 0.2785597568902111},
                                 {499, 0.0064171022096952465},
                                 {500, 0.006288760165501342}};
  assert_levels(&linear, levels, COUNT(levels));
  static const mote_model_info other = {.timesteps = 7, .beta_start = 1e-3, .beta_end = 0.5};
  static const level few[] = {{1, 0.9267865714285715}, {4, 0.4448676987888491}, {7, 0.0816536594051002}};
  assert_levels(&other, few, COUNT(few));
}

// Python: f = lambda t: cos((t/T + 0.008)/1.008*pi/2)**2; p = 1; for t in 1..T: p *= 1 - min(1 - f(t)/f(t-1), 0.999).
static void cosine_levels_follow_nichol_and_dhariwal(void **unused) {
  (void)unused;
  static const level levels[] = {{0, 1},
                                 {1, 0.9999125759273678},
                                 {2, 0.9998057312026716},
                                 {10, 0.9982524864661344},
                                 {100, 0.8987059205995092},
                                 {250, 0.49384359044063736},
                                 {499, 9.715044036169852e-06},
                                 {500, 9.71504403616986e-09}};
  assert_levels(&cosine, levels, COUNT(levels));
}

// Python, in decimals of 60 places: of T = 1000, p *= 1 - beta_t.
static void levels_of_ddpm_and_scaled_linear_begin_and_end_with_their_betas(void **unused) {
  (void)unused;
  static const mote_model_info ddpm = {.timesteps = 1000, .schedule = MOTE_SCHEDULE_DDPM, .beta_start = 1e-4, .beta_end = 0.02};
  static const mote_model_info scaled = {
      .timesteps = 1000, .schedule = MOTE_SCHEDULE_SCALED_LINEAR, .beta_start = 0.00085, .beta_end = 0.012};
  static const level of_ddpm[] = {{1, 0.9999}, {2, 0.9997800920720721}, {500, 0.07858724288177824}, {1000, 4.035829765375682e-05}};
  static const level of_scaled[] = {{1, 0.99915}, {2, 0.9982960278384514}, {500, 0.2776696504564678}, {1000, 0.00466009851307724}};
  assert_levels(&ddpm, of_ddpm, COUNT(of_ddpm));
  assert_levels(&scaled, of_scaled, COUNT(of_scaled));
  mote_model_info one = ddpm;
  one.timesteps = 1;
  assert_levels(&one, of_ddpm, 1);
}

// ---------------------------------------------------------------------------------------------------------------------
// Samplers

static const mote_prediction predictions[] = {MOTE_PREDICT_EPSILON, MOTE_PREDICT_V, MOTE_PREDICT_X0};

// What a network that knows x_0 and the noise would answer.
static double perfect(mote_prediction prediction, double bar, double x0, double epsilon) {
  if (prediction == MOTE_PREDICT_EPSILON) return epsilon;
  if (prediction == MOTE_PREDICT_X0) return x0;
  return sqrt(bar) * epsilon - sqrt(1 - bar) * x0;
}

// One sampler's table beside the levels it should have been made from.
typedef struct run {
  mote_model_info info;
  mote_sampler_desc desc;
  double *alpha_bar;
  sampler_row *rows;
} run;

static run run_make(const mote_model_info *schedule, mote_prediction prediction, mote_sampler_desc desc) {
  run r = {.info = *schedule, .desc = desc};
  r.info.prediction = prediction;
  r.alpha_bar = calloc((size_t)r.info.timesteps + 1, sizeof *r.alpha_bar);
  r.rows = calloc((size_t)desc.steps, sizeof *r.rows);
  alpha_bars(&r.info, r.alpha_bar);
  assert_int_equal(sampler_table(&r.info, &desc, r.rows, NULL), MOTE_OK);
  return r;
}

static void run_free(run *r) {
  free(r->alpha_bar);
  free(r->rows);
}

// ᾱ where row i goes to.
static double next_level(const run *r, int i) {
  return i + 1 < r->desc.steps ? r->alpha_bar[r->rows[i + 1].timestep] : 1;
}

static const int step_counts[] = {1, 2, 7, 10, 25, 37, 500};

static void ddim_without_noise_takes_a_perfect_predictor_straight_to_x_0(void **unused) {
  (void)unused;
  const double x0 = 0.37, epsilon = -1.21;
  for (int schedule = 0; schedule < 2; schedule++)
    for (size_t p = 0; p < COUNT(predictions); p++)
      for (size_t n = 0; n < COUNT(step_counts); n++) {
        run r = run_make(schedule ? &cosine : &linear, predictions[p], (mote_sampler_desc){.steps = step_counts[n]});
        double bar = r.alpha_bar[r.info.timesteps], x = sqrt(bar) * x0 + sqrt(1 - bar) * epsilon;
        for (int i = 0; i < r.desc.steps; i++) {
          double level = r.alpha_bar[r.rows[i].timestep], next = next_level(&r, i);
          x = r.rows[i].x * x + r.rows[i].model * perfect(predictions[p], level, x0, epsilon);
          assert_true(r.rows[i].noise == 0);
          assert_true(fabs(x - (sqrt(next) * x0 + sqrt(1 - next) * epsilon)) < 1e-9);
        }
        assert_true(fabs(x - x0) < 1e-9);
        run_free(&r);
      }
}

// x' = a·x0 + b·ε + c·z has to have the mean and variance of q(x_s | x_0): a = √ᾱ_s, b² + c² = 1 - ᾱ_s.
static void ddim_with_noise_keeps_the_level_of_every_step(void **unused) {
  (void)unused;
  for (size_t p = 0; p < COUNT(predictions); p++)
    for (double eta = 0; eta <= 1; eta += 0.25) {
      run r = run_make(&linear, predictions[p], (mote_sampler_desc){.steps = 25, .eta = eta});
      for (int i = 0; i < r.desc.steps; i++) {
        double level = r.alpha_bar[r.rows[i].timestep], next = next_level(&r, i);
        double a = r.rows[i].x * sqrt(level) + r.rows[i].model * perfect(predictions[p], level, 1, 0);
        double b = r.rows[i].x * sqrt(1 - level) + r.rows[i].model * perfect(predictions[p], level, 0, 1);
        double c = r.rows[i].noise;
        assert_true(fabs(a - sqrt(next)) < 1e-9);
        assert_true(fabs(b * b + c * c - (1 - next)) < 1e-9);
        double sigma = eta * sqrt((1 - next) / (1 - level) * (1 - level / next));  // equation 16
        assert_true(fabs(c - sigma) < 1e-12);
      }
      assert_true(r.rows[24].noise == 0);
      run_free(&r);
    }
}

// The mean of q(x_s | x_t, x_0), Ho et al. equation 7: √ᾱ_s·(1 - α)/(1 - ᾱ_t)·x_0 + √α·(1 - ᾱ_s)/(1 - ᾱ_t)·x_t.
static void ddpm_draws_from_the_posterior_and_ends_without_noise(void **unused) {
  (void)unused;
  const double x0 = -0.8, epsilon = 0.6;
  for (int schedule = 0; schedule < 2; schedule++)
    for (size_t p = 0; p < COUNT(predictions); p++)
      for (size_t n = 0; n < COUNT(step_counts); n++) {
        run r = run_make(schedule ? &cosine : &linear, predictions[p],
                         (mote_sampler_desc){.kind = MOTE_SAMPLER_DDPM, .steps = step_counts[n]});
        for (int i = 0; i < r.desc.steps; i++) {
          double level = r.alpha_bar[r.rows[i].timestep], next = next_level(&r, i), alpha = level / next;
          double x = sqrt(level) * x0 + sqrt(1 - level) * epsilon;
          double mean = sqrt(next) * (1 - alpha) / (1 - level) * x0 + sqrt(alpha) * (1 - next) / (1 - level) * x;
          double made = r.rows[i].x * x + r.rows[i].model * perfect(predictions[p], level, x0, epsilon);
          assert_true(fabs(made - mean) < 1e-9);
          bool last = i + 1 == r.desc.steps;
          assert_true(fabs(r.rows[i].noise - (last ? 0 : sqrt(1 - alpha))) < 1e-12);
          assert_true(last == (r.rows[i].noise == 0));
          if (last) assert_true(fabs(made - x0) < 1e-9);
        }
        run_free(&r);
      }
}

static void eta_1_and_ddpm_add_the_same_noise_up_to_the_choice_of_variance(void **unused) {
  (void)unused;
  run ddim = run_make(&linear, MOTE_PREDICT_EPSILON, (mote_sampler_desc){.steps = 500, .eta = 1});
  run ddpm = run_make(&linear, MOTE_PREDICT_EPSILON, (mote_sampler_desc){.steps = 500, .kind = MOTE_SAMPLER_DDPM});
  for (int i = 0; i < 499; i++) {
    // DDIM takes the posterior's variance, DDPM here beta: the two of Ho et al., section 3.2. The means are the same.
    double ratio = sqrt((1 - next_level(&ddim, i)) / (1 - ddim.alpha_bar[ddim.rows[i].timestep]));
    assert_true(fabs(ddim.rows[i].noise - ratio * ddpm.rows[i].noise) < 1e-12);
    assert_true(fabs(ddim.rows[i].x - ddpm.rows[i].x) < 1e-12);
    assert_true(fabs(ddim.rows[i].model - ddpm.rows[i].model) < 1e-12);
  }
  run_free(&ddim);
  run_free(&ddpm);
}

// Python: [floor(T*(N - i)/N + 0.5) for i in range(N)]
static void grids_run_from_T_down_whether_or_not_N_divides_T(void **unused) {
  (void)unused;
  static const struct {
    int steps, count, timesteps[8];
  } cases[] = {
      {1, 1, {500}},
      {7, 7, {500, 429, 357, 286, 214, 143, 71}},
      {25, 8, {500, 480, 460, 440, 420, 400, 380, 360}},
      {37, 8, {500, 486, 473, 459, 446, 432, 419, 405}},
      {500, 8, {500, 499, 498, 497, 496, 495, 494, 493}},
  };
  for (size_t c = 0; c < COUNT(cases); c++)
    for (int kind = MOTE_SAMPLER_DDIM; kind <= MOTE_SAMPLER_DDPM; kind++) {
      run r = run_make(&linear, MOTE_PREDICT_EPSILON,
                       (mote_sampler_desc){.steps = cases[c].steps, .kind = (mote_sampler_kind)kind});
      for (int i = 0; i < cases[c].count; i++) assert_int_equal(r.rows[i].timestep, cases[c].timesteps[i]);
      for (int i = 1; i < r.desc.steps; i++) assert_true(r.rows[i].timestep < r.rows[i - 1].timestep);
      assert_true(r.rows[r.desc.steps - 1].timestep >= 1);
      run_free(&r);
    }
}

// numpy, as DDIMScheduler and DPMSolverMultistepScheduler of diffusers 0.42 place N of 1000 steps, which they count from 0.
static void grids_of_diffusers_are_those_of_its_schedulers(void **unused) {
  (void)unused;
  static const struct {
    mote_grid grid;
    mote_sampler_kind kind;
    int steps, offset, timesteps[10];
  } cases[] = {
      {MOTE_GRID_DIFFUSERS, MOTE_SAMPLER_DDIM, 10, 0, {900, 800, 700, 600, 500, 400, 300, 200, 100, 0}},
      {MOTE_GRID_DIFFUSERS, MOTE_SAMPLER_DPMPP, 10, 0, {999, 899, 799, 699, 599, 500, 400, 300, 200, 100}},
      {MOTE_GRID_LEADING, MOTE_SAMPLER_DDPM, 7, 1, {853, 711, 569, 427, 285, 143, 1}},
      {MOTE_GRID_LEADING, MOTE_SAMPLER_DPMPP, 10, 0, {900, 810, 720, 630, 540, 450, 360, 270, 180, 90}},
      {MOTE_GRID_LINSPACE, MOTE_SAMPLER_DDIM, 7, 0, {999, 832, 666, 500, 333, 166, 0}},
      {MOTE_GRID_TRAILING, MOTE_SAMPLER_DDIM, 7, 0, {999, 856, 713, 570, 428, 285, 142}},
      {MOTE_GRID_TRAILING, MOTE_SAMPLER_DPMPP, 10, 0, {999, 899, 799, 699, 599, 499, 399, 299, 199, 99}},
      {MOTE_GRID_LEADING, MOTE_SAMPLER_DDIM, 2, 600, {999, 600}},
  };
  for (size_t c = 0; c < COUNT(cases); c++) {
    mote_model_info info = {.timesteps = 1000, .beta_start = 1e-4, .beta_end = 0.02, .sampling = {.offset = cases[c].offset}};
    run r = run_make(&info, MOTE_PREDICT_EPSILON,
                     (mote_sampler_desc){.steps = cases[c].steps, .grid = cases[c].grid, .kind = cases[c].kind});
    for (int i = 0; i < r.desc.steps; i++) assert_int_equal(r.rows[i].timestep, 1 + cases[c].timesteps[i]);
    run_free(&r);
  }
}

// Noise levels to which the steps lead, as timesteps of diffusers, -1 for none: DDIMScheduler's ⌊T/N⌋ down from each, the others' next.
static void steps_on_grids_of_diffusers_lead_where_its_schedulers_do(void **unused) {
  (void)unused;
  static const struct {
    mote_grid grid;
    mote_sampler_kind kind;
    bool early, early_multistep;
    int to[5];
  } cases[] = {{MOTE_GRID_LINSPACE, MOTE_SAMPLER_DDIM, false, false, {799, 549, 300, 50, -1}},
               {MOTE_GRID_LINSPACE, MOTE_SAMPLER_DDIM, true, false, {799, 549, 300, 50, 0}},
               {MOTE_GRID_LINSPACE, MOTE_SAMPLER_DDIM, false, true, {799, 549, 300, 50, -1}},
               {MOTE_GRID_LINSPACE, MOTE_SAMPLER_DDPM, true, false, {749, 500, 250, 0, -1}},
               {MOTE_GRID_LINSPACE, MOTE_SAMPLER_DPMPP, true, false, {799, 599, 400, 200, -1}},
               {MOTE_GRID_LINSPACE, MOTE_SAMPLER_DPMPP, false, true, {799, 599, 400, 200, 0}}};
  for (size_t c = 0; c < COUNT(cases); c++) {
    mote_model_info info = {.timesteps = 1000, .beta_start = 1e-4, .beta_end = 0.02,
                            .sampling = {.end_early = cases[c].early, .end_early_multistep = cases[c].early_multistep}};
    run r = run_make(&info, MOTE_PREDICT_EPSILON, (mote_sampler_desc){.steps = 5, .grid = cases[c].grid, .kind = cases[c].kind});
    for (int i = 0; i < 5; i++) assert_true(fabs(r.rows[i].known - sqrt(r.alpha_bar[cases[c].to[i] + 1])) < 1e-12);
    run_free(&r);
  }
}

// One step to noise level s by hand: x_0 clamped to ±2, ε the network's own or what follows from it.
static void ddim_goes_on_from_the_epsilon_that_the_model_says(void **unused) {
  (void)unused;
  const double x = 1.3, epsilon = -0.8;
  for (int keep = 0; keep < 2; keep++) {
    mote_model_info info = linear;
    info.sampling = (mote_sampling){.clip = 2, .keep_epsilon = keep, .end_early = true};
    run r = run_make(&info, MOTE_PREDICT_EPSILON, (mote_sampler_desc){.steps = 1, .clip_x0 = true, .grid = MOTE_GRID_TRAILING});
    const sampler_row *row = r.rows;
    const double bar = r.alpha_bar[500], s = r.alpha_bar[1], free_x0 = (x - sqrt(1 - bar) * epsilon) / sqrt(bar);
    const double x0 = fmax(-2, fmin(2, free_x0)), own = keep ? epsilon : (x - sqrt(bar) * x0) / sqrt(1 - bar);
    const double m = fmax(-1, fmin(1, row->x0_x * x + row->x0_model * epsilon));
    assert_true(free_x0 > 2);
    assert_true(fabs(row->x * x + row->model * m + row->output * epsilon - (sqrt(s) * x0 + sqrt(1 - s) * own)) < 1e-12);
    run_free(&r);
  }
}

// Of the cosine schedule no number of steps makes ε harmless; of the linear one, the default of old models, 25 and even one do.
static void x_0_is_clipped_where_a_step_multiplies_the_error_of_epsilon(void **unused) {
  (void)unused;
  static const struct {
    int timesteps;
    bool cosine;
    mote_sampler_desc desc;
    bool needs;
  } cases[] = {{500, true, {.steps = 25}, true},
               {500, true, {.steps = 500}, true},
               {1000, true, {.steps = 1}, true},
               {20, true, {.steps = 20}, true},
               {500, true, {.steps = 10, .grid = MOTE_GRID_KARRAS}, true},
               {500, true, {.steps = 10, .strength = 0.5}, false},
               {500, false, {.steps = 25}, false},
               {500, false, {.steps = 1}, false},
               {1000, false, {.steps = 25}, false},
               {1000, false, {.steps = 1}, true}};
  for (size_t i = 0; i < COUNT(cases); i++)
    for (int p = MOTE_PREDICT_EPSILON; p <= MOTE_PREDICT_X0; p++) {
      mote_model_info info = cases[i].cosine ? cosine : linear;
      info.timesteps = cases[i].timesteps;
      info.prediction = (mote_prediction)p;
      bool needs;
      assert_int_equal(sampler_needs_clip(&info, &cases[i].desc, &needs, NULL), MOTE_OK);
      if (needs != (cases[i].needs && p == MOTE_PREDICT_EPSILON)) fail_msg("case %zu, prediction %d", i, p);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Flow matching, Euler's and Heun's steps

static const mote_model_info flow = {.timesteps = 500, .schedule = MOTE_SCHEDULE_FLOW};

static void flow_goes_straight_from_the_image_to_noise(void **unused) {
  (void)unused;
  noising noisings[501];
  schedule_noisings(&flow, noisings);
  for (int t = 0; t <= 500; t++) {
    assert_true(fabs(noisings[t].signal - (1 - t / 500.0)) < 1e-15 && fabs(noisings[t].noise - t / 500.0) < 1e-15);
    const noised made = schedule_noise(MOTE_PREDICT_FLOW, noisings[t], 0.3, -1.5);
    assert_true(fabs(made.x - (0.3 + t / 500.0 * (-1.5 - 0.3))) < 1e-14);
    assert_true(made.target == -1.5 - 0.3);
  }
}

// What a network answers at one row of a run.
typedef struct question {
  const mote_model_info *info;
  noising noising;
  double x;
  const void *user;
} question;

// Runs a sampler on one number.
static double run_number(const mote_model_info *info, mote_sampler_desc desc, double x, double (*answer)(const question *),
                         const void *user) {
  noising *noisings = calloc((size_t)info->timesteps + 1, sizeof *noisings);
  sampler_row *rows = calloc((size_t)sampler_row_count(&desc), sizeof *rows);
  double before = 0;
  schedule_noisings(info, noisings);
  assert_int_equal(sampler_table(info, &desc, rows, NULL), MOTE_OK);
  for (int i = 0; i < sampler_row_count(&desc); i++) {
    const sampler_row *row = &rows[i];
    double m = answer(&(question){info, noisings[row->timestep], x, user});
    if (sampler_uses_x0(&desc)) m = row->x0_x * x + row->x0_model * m;
    x = row->x * x + row->model * m + (row->previous != 0 ? row->previous * before : 0);
    before = m;
  }
  free(noisings);
  free(rows);
  return x;
}

// x_0 and ε of an image, as the network knows them.
static double answer_perfectly(const question *q) {
  const double *known = q->user;
  return schedule_noise(q->info->prediction, q->noising, known[0], known[1]).target;
}

static void samplers_take_a_perfect_predictor_of_flow_to_x_0(void **unused) {
  (void)unused;
  const double known[] = {0.37, -1.21};
  static const mote_sampler_kind kinds[] = {MOTE_SAMPLER_DDIM, MOTE_SAMPLER_DPMPP, MOTE_SAMPLER_EULER, MOTE_SAMPLER_HEUN};
  static const mote_prediction of_flow[] = {MOTE_PREDICT_V, MOTE_PREDICT_X0, MOTE_PREDICT_FLOW};
  for (size_t k = 0; k < COUNT(kinds); k++)
    for (size_t p = 0; p < COUNT(of_flow); p++)
      for (int schedule = 0; schedule < 2; schedule++)
        for (size_t n = 0; n < COUNT(step_counts); n++) {
          mote_model_info info = schedule ? flow : cosine;
          noising noisings[501];
          info.prediction = of_flow[p];
          schedule_noisings(&info, noisings);
          const double x = noisings[500].signal * known[0] + noisings[500].noise * known[1];
          const double end = run_number(&info, (mote_sampler_desc){.kind = kinds[k], .steps = step_counts[n]}, x, answer_perfectly,
                                        known);
          if (!(fabs(end - known[0]) < 1e-9)) fail_msg("sampler %zu, prediction %zu, schedule %d: %g", k, p, schedule, end);
        }
}

// The best that can be said where images are normal with deviation `s`: x_0 is α · s²/(α² · s² + σ²) · x on average, and the flow of
// probability keeps x in units of √(α² · s² + σ²).
static double answer_for_normal_images(const question *q) {
  const double s = *(const double *)q->user, a = q->noising.signal, b = q->noising.noise;
  const double x0 = a * s * s / (a * a * s * s + b * b) * q->x, epsilon = (q->x - a * x0) / b;
  return schedule_noise(q->info->prediction, q->noising, x0, epsilon).target;
}

static double miss(const mote_model_info *info, mote_sampler_kind kind, int steps, double s) {
  noising noisings[501];
  schedule_noisings(info, noisings);
  const double start = hypot(noisings[500].signal * s, noisings[500].noise);
  return fabs(run_number(info, (mote_sampler_desc){.kind = kind, .steps = steps}, start, answer_for_normal_images, &s) - s);
}

static void twice_the_steps_halve_the_error_of_euler_and_quarter_that_of_heun(void **unused) {
  (void)unused;
  mote_model_info info = flow;
  info.prediction = MOTE_PREDICT_FLOW;
  const double euler = miss(&info, MOTE_SAMPLER_EULER, 50, 0.4) / miss(&info, MOTE_SAMPLER_EULER, 100, 0.4);
  const double heun = miss(&info, MOTE_SAMPLER_HEUN, 50, 0.4) / miss(&info, MOTE_SAMPLER_HEUN, 100, 0.4);
  if (!(euler > 1.8 && euler < 2.2)) fail_msg("Euler: %g", euler);
  if (!(heun > 3.5 && heun < 4.5)) fail_msg("Heun: %g", heun);
  assert_true(miss(&info, MOTE_SAMPLER_HEUN, 25, 0.4) < miss(&info, MOTE_SAMPLER_EULER, 50, 0.4));
}

// Algorithm 1 of Karras et al. 2022 as it stands there, S_churn 0, on y = x/α at u = σ/α.
static double karras_heun(const noising *noisings, int steps, double x, double s) {
  for (int i = 0; i < steps; i++) {
    const noising n = noisings[500 * (steps - i) / steps], m = noisings[500 * (steps - i - 1) / steps];
    const double u = n.noise / n.signal, v = m.noise / m.signal, y = x / n.signal;
    const double slope = (y - s * s / (s * s + u * u) * y) / u;
    double next = y + (v - u) * slope;
    if (v > 0) next = y + (v - u) * (slope + (next - s * s / (s * s + v * v) * next) / v) / 2;
    x = next * m.signal;
  }
  return x;
}

static void heun_takes_the_steps_of_karras(void **unused) {
  (void)unused;
  const double s = 0.4;
  for (int schedule = 0; schedule < 2; schedule++)
    for (int steps = 1; steps <= 25; steps = steps * 5) {
      mote_model_info info = schedule ? cosine : linear;
      noising noisings[501];
      info.prediction = schedule ? MOTE_PREDICT_V : MOTE_PREDICT_EPSILON;
      schedule_noisings(&info, noisings);
      const double found = run_number(&info, (mote_sampler_desc){.kind = MOTE_SAMPLER_HEUN, .steps = steps}, 1, answer_for_normal_images, &s);
      const double expected = karras_heun(noisings, steps, 1, s);
      if (!(fabs(found - expected) < 1e-7 * fabs(expected))) fail_msg("%d steps: %.12g, expected %.12g", steps, found, expected);
    }
}

static void min_snr_weighs_the_error_of_x_0(void **unused) {
  (void)unused;
  noising noisings[501];
  schedule_noisings(&linear, noisings);
  for (int t = 1; t <= 500; t++) {
    const noising n = noisings[t];
    const double snr = n.signal * n.signal / (n.noise * n.noise), limited = fmin(snr, 5);
    assert_true(fabs(min_snr_weight(MOTE_PREDICT_EPSILON, n, 5) * snr / limited - 1) < 1e-12);
    assert_true(fabs(min_snr_weight(MOTE_PREDICT_V, n, 5) * (snr + 1) / limited - 1) < 1e-12);
    assert_true(fabs(min_snr_weight(MOTE_PREDICT_X0, n, 5) / limited - 1) < 1e-12);
    assert_true(min_snr_weight(MOTE_PREDICT_EPSILON, n, 0) == 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linear_levels_are_the_product_from_beta_0_on),
      cmocka_unit_test(cosine_levels_follow_nichol_and_dhariwal),
      cmocka_unit_test(ddim_without_noise_takes_a_perfect_predictor_straight_to_x_0),
      cmocka_unit_test(ddim_with_noise_keeps_the_level_of_every_step),
      cmocka_unit_test(ddpm_draws_from_the_posterior_and_ends_without_noise),
      cmocka_unit_test(eta_1_and_ddpm_add_the_same_noise_up_to_the_choice_of_variance),
      cmocka_unit_test(x_0_is_clipped_where_a_step_multiplies_the_error_of_epsilon),
      cmocka_unit_test(levels_of_ddpm_and_scaled_linear_begin_and_end_with_their_betas),
      cmocka_unit_test(grids_of_diffusers_are_those_of_its_schedulers),
      cmocka_unit_test(steps_on_grids_of_diffusers_lead_where_its_schedulers_do),
      cmocka_unit_test(ddim_goes_on_from_the_epsilon_that_the_model_says),
      cmocka_unit_test(grids_run_from_T_down_whether_or_not_N_divides_T),
      cmocka_unit_test(flow_goes_straight_from_the_image_to_noise),
      cmocka_unit_test(samplers_take_a_perfect_predictor_of_flow_to_x_0),
      cmocka_unit_test(twice_the_steps_halve_the_error_of_euler_and_quarter_that_of_heun),
      cmocka_unit_test(heun_takes_the_steps_of_karras),
      cmocka_unit_test(min_snr_weighs_the_error_of_x_0),
  };
  return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}

# lanes.sh: a library of tools/check: builds, drivers, inputs, and what each lane runs.
#
# To add a test: tests/test_NAME.c is found by itself; a script goes into the lane that fits, as one more line with
# `count_test` or `run_test` (tests/jobs.sh says what they are). Lines of a lane may run in any order and side by side: a
# test writes into $scratch or a folder that it makes, and what listens to the clock is `alone`.
# shellcheck shell=bash

# ----------------------------------------------------------------------------------------------------------------------
# Builds, each made once a run

declare -A built=()

build() {  # gcc|clang|asan: true if it stands in build-NAME
  local options=() compiler=clang
  # Only the first two are about warnings: what they find should not keep the others from running.
  case $1 in
    gcc) options=(-DMOTE_WERROR=ON) compiler=gcc ;;
    # Not optimised: clang warns all the same, and optimising takes two thirds of the time to compile.
    clang) options=(-DMOTE_WERROR=ON -DCMAKE_BUILD_TYPE=None) ;;
    # The fuzz targets, which need objects that count branches, take them from here. Not optimised, tests take twice as long.
    asan) options=(-DCMAKE_BUILD_TYPE=None "-DCMAKE_C_FLAGS=-O1 -gline-tables-only" -DMOTE_FUZZ=ON
                   "-DMOTE_SANITIZE=fuzzer-no-link,address,undefined") ;;
  esac
  options+=(-DMOTE_PROGRAM=ON -DMOTE_TESTS=ON)
  # CMake throws its cache away when the compiler is named again.
  if [ ! -f "build-$1/CMakeCache.txt" ]; then options+=("-DCMAKE_C_COMPILER=$compiler"); fi
  # The profiling lane looks for the shaders' source, which this build has room for.
  if [ "$1" = clang ]; then options+=(-DMOTE_SHADER_DEBUG=ON); fi
  make_once "$1" "build $1" build_tree "build-$1" all "${options[@]}"
}

make_once() {  # what name command...: true if it is made; the command runs the first time only
  if [ -z "${built[$1]:-}" ]; then
    built[$1]=no
    if run_now "${@:2}"; then built[$1]=yes; fi
  fi
  [ "${built[$1]}" = yes ] || { echo "  not run: it needs \"$2\""; return 1; }
}

# Installs gcc's build into build-check/installed and builds the examples against that.
build_examples() {
  cmake --install build-gcc --prefix "$PWD/build-check/installed" &&
    cmake -S examples -B build-check/examples "-DCMAKE_PREFIX_PATH=$PWD/build-check/installed" \
      -DCMAKE_C_FLAGS=-Werror && cmake --build build-check/examples --parallel
}

examples() { build gcc && make_once examples "the examples, against the installed library" build_examples; }

# ----------------------------------------------------------------------------------------------------------------------
# Devices, layers, inputs

lavapipe() {  # restricts the Vulkan loader to it
  local manifests=(/usr/share/vulkan/icd.d/lvp_icd*.json)
  [ "$native" = no ] || return 0
  [ -r "${manifests[0]}" ] || { fail_test lavapipe "mesa-vulkan-drivers has no lavapipe here"; return 1; }
  export VK_DRIVER_FILES=${manifests[0]}
}

swiftshader_manifest=/usr/lib/chromium/vk_swiftshader_icd.json

swiftshader() {  # true if it is there
  [ -r "$swiftshader_manifest" ] || { fail_test SwiftShader "chromium-common has no $swiftshader_manifest"; return 1; }
}

on_swiftshader() {  # command...
  local -x VK_DRIVER_FILES=$swiftshader_manifest
  "$@"
}

# Weights and inputs of a small random model in build-check/inputs, and $weights of the full size.
make_inputs() {
  "$python" - build-check/inputs <<'END'
import pathlib, sys
sys.path[:0] = ["tests/parity", "tests"]
import numpy as np
import context_unet
import test_edit
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, n_feat in (("small", 8), ("full", 64)):
    module = context_unet.random_model(3, n_feat, 5, 16, seed=1)
    labels = {"labels": "hero,monster,item,equipment,spell"}
    context_unet.save_model(folder / f"{name}.safetensors", module, context_unet.metadata_of(module, **labels))
random = np.random.default_rng(1)
np.save(folder / "x.npy", random.standard_normal((3, 3, 16, 16)).astype(np.float32))
np.save(folder / "steps.npy", np.array([1, 250, 500], np.int32))
np.save(folder / "context.npy", np.eye(5, dtype=np.float32)[:3])
np.save(folder / "init.npy", np.tanh(random.standard_normal((2, 3, 16, 16))).astype(np.float32))
test_edit.write_png(folder / "mask.png", np.repeat([[[0]], [[255]]], 8, axis=0).repeat(16, axis=1).astype(np.uint8))
END
}

inputs() { make_once inputs "make inputs with PyTorch" make_inputs; }

small_forward() {  # mote option...
  "$1" forward build-check/inputs/small.safetensors --x build-check/inputs/x.npy --steps build-check/inputs/steps.npy \
    --context build-check/inputs/context.npy -o "$scratch/eps.npy" "${@:2}"
}

small_backward() {  # mote option...
  "$1" backward build-check/inputs/small.safetensors --x0 build-check/inputs/x.npy --noise build-check/inputs/x.npy \
    --steps build-check/inputs/steps.npy --context build-check/inputs/context.npy -o "$scratch/gradients.safetensors" "${@:2}"
}

small_sample() {  # mote option...
  "$1" sample build-check/inputs/small.safetensors -o "$scratch/sprites.png" --gif "$scratch/trajectory.gif" \
    -n 5 --steps 4 --seed 1 --context hero --context none "${@:2}"
}

small_inpaint() {  # mote option...: images, half anew
  "$1" sample build-check/inputs/small.safetensors -o "$scratch/inpainted.png" -n 2 --steps 3 --resample 2 \
    --init build-check/inputs/init.npy --mask build-check/inputs/mask.png "${@:2}"
}

# A layer is a folder with a manifest. Chromium's is years newer than Debian 12's and finds hazards between dispatches
# that the older one misses, but has no manifest.
chromium_layer=/usr/lib/chromium/libVkLayer_khronos_validation.so
make_layers() {
  local manifest=/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json
  mkdir -p build-check/layers/chromium build-check/layers/debian
  [ ! -r "$manifest" ] || cp "$manifest" build-check/layers/debian/
  [ ! -r "$chromium_layer" ] || cat >build-check/layers/chromium/layer.json <<END
{"file_format_version": "1.2.0", "layer": {"name": "VK_LAYER_KHRONOS_validation", "type": "GLOBAL",
 "library_path": "$chromium_layer", "api_version": "1.4.0", "implementation_version": "1",
 "description": "Khronos validation layer of Chromium",
 "instance_extensions": [{"name": "VK_EXT_debug_report", "spec_version": "9"},
  {"name": "VK_EXT_debug_utils", "spec_version": "1"}, {"name": "VK_EXT_validation_features", "spec_version": "2"},
  {"name": "VK_EXT_layer_settings", "spec_version": "2"}]}}
END
}

# Layers before 1.3.280 choose their checks by this variable; newer ones by the settings file, and warn about it.
layer_enables() {  # layer settings
  if [ "$1" = chromium ] || ! grep -q '"api_version": "1\.3\.2[0-7]' build-check/layers/debian/*.json; then return; fi
  case $2 in
    core_sync) echo VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT ;;
    gpu_assisted) echo "VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT:$(
      )VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_RESERVE_BINDING_SLOT_EXT" ;;
  esac
}

with_layer() {  # chromium|debian core_sync|gpu_assisted command...: runs it with the layer loaded
  local layer=$1 settings=$2 enables
  enables=$(layer_enables "$1" "$2")
  shift 2
  local -x VK_LAYER_PATH=$PWD/build-check/layers/$layer VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
  local -x VK_LAYER_SETTINGS_PATH=$PWD/tests/validation/$settings.txt
  if [ -n "$enables" ]; then local -x VK_LAYER_ENABLES=$enables; fi
  # This layer changes each shader, and lavapipe takes long to compile what comes out: half as long without optimising, which
  # changes no result. Other lanes should not find that in their cache.
  if [ "$settings" = gpu_assisted ]; then
    local -x GALLIVM_PERF=nopt MESA_SHADER_CACHE_DIR=$PWD/build-check/cache-unoptimised
  fi
  "$@"
}

layer_spoke() {  # log: true if the layer reported anything in it
  grep -qE 'Validation (Error|Warning|Performance)' "$1"
}

silent() {  # layer settings command...: it succeeds, and the layer has nothing to report
  local output=$scratch/validation.log status=0
  with_layer "$@" >"$output" 2>&1 || status=$?
  cat "$output"
  ! layer_spoke "$output" && [ "$status" = 0 ]
}

canary_is_seen() {  # layer settings fault: silence means something only if a known fault is reported
  local output=$scratch/canary.log
  silent "$1" "$2" build-gcc/tests/canary none || { echo "a fault is reported where there is none"; return 1; }
  with_layer "$1" "$2" build-gcc/tests/canary "$3" >"$output" 2>&1
  layer_spoke "$output" || { echo "the layer does not report a $3 that is there"; return 1; }
}

# ----------------------------------------------------------------------------------------------------------------------
# Lanes

lane_style() {
  count_test "layers, sizes, shaders" bash tests/test_layers.sh
}

lane_compile() {
  build gcc || true
  build clang || true
}

lane_unit() {
  build gcc && lavapipe || return 0
  # Mesa keeps what it compiles for the first, and the last finds most of it.
  run_test "op tests, tensors in shared buffers" build-gcc/tests/test_ops shared
  ctest_test "unit tests" run_ctest build-gcc -E '^test_ops$'
  run_test "op tests, one buffer a tensor" build-gcc/tests/test_ops separate
  run_test "a pattern that no test matches is no success" fails build-gcc/tests/test_trainer 'bits*'
}

fails() { ! "$@"; }

lane_quick() {  # what tells whether the installation is right, in a few minutes
  build gcc && lavapipe || return 0
  run_test "op tests, the kernels that the device prefers" build-gcc/tests/test_ops preferred
  run_test "sprites of the built-in weights" quick_sample
  ctest_test "most unit tests" run_ctest build-gcc -E '^test_(ops|tune|distill|host_faults)$'
}

quick_sample() {
  build-gcc/mote sample -o "$scratch/sprites.png" -n 4 --steps 5 && [ -s "$scratch/sprites.png" ]
}

lane_parity() {
  build gcc && lavapipe && inputs || return 0
  local mote=(--mote build-gcc/mote) small=(--weights build-check/inputs/small.safetensors)
  count_test "forward against PyTorch" "$python" tests/parity/test_forward.py "${mote[@]}"
  count_test "diffusers folders" "$python" tests/parity/test_unet2d.py "${mote[@]}"
  count_test "diffusers folders, plain kernels" "$python" tests/parity/test_unet2d.py "${mote[@]}" --kernels plain --small
  count_test "diffusers folders, tiled kernels" "$python" tests/parity/test_unet2d.py "${mote[@]}" --kernels tiled --small
  count_test "forward against PyTorch, tiled kernels" "$python" tests/parity/test_forward.py "${mote[@]}" \
    --kernels tiled --small
  count_test "forward against PyTorch, half-precision matrices" "$python" tests/parity/test_forward.py "${mote[@]}" \
    --kernels matrix --small
  count_test "sampling against PyTorch, half-precision matrices" "$python" tests/parity/test_sample.py "${mote[@]}" \
    --kernels matrix --small --only cosine
  count_test "backward against PyTorch, half-precision matrices" "$python" tests/parity/test_backward.py "${mote[@]}" \
    --kernels matrix --small
  count_test "twenty AdamW steps against PyTorch, half-precision matrices" "$python" tests/parity/test_train_steps.py \
    "${mote[@]}" --kernels matrix --only AdamW
  count_test "backward against PyTorch, tiled kernels" "$python" tests/parity/test_backward.py "${mote[@]}" \
    --kernels tiled --small
  count_test "sampling against PyTorch" "$python" tests/parity/test_sample.py "${mote[@]}"
  count_test "samplers and guidance against formulas" "$python" tests/parity/test_samplers.py "${mote[@]}"
  run_test "files to Python and back" "$python" tests/test_files_python.py build-gcc/tests/files_copy
  count_test "backward against PyTorch" "$python" tests/parity/test_backward.py "${mote[@]}"
  count_test "AdamW steps against PyTorch" "$python" tests/parity/test_train_steps.py "${mote[@]}"
  count_test "the classifier against PyTorch" "$python" tests/parity/test_classifier.py "${mote[@]}"
  count_test "training, four times killed" "$python" tests/test_train.py "${mote[@]}" --kills 4 --only '^test_(?!minutes)'
  count_test "training a unet2d" "$python" tests/test_train_unet2d.py "${mote[@]}"
  alone count_test "training by the clock" "$python" tests/test_train.py "${mote[@]}" --only '^test_minutes'
  alone count_test "profile" "$python" tests/test_profile.py "${mote[@]}"
  run_test "tools/compare runs" "$python" tools/compare "${mote[@]}" --what sample,train --n-feat 8 --batch 1 \
    --rounds 1 --repeat 1 --json
  count_test "command line" "$python" tests/test_cli.py "${mote[@]}" --weights "$weights"
  count_test "editing, palettes, sheets" "$python" tests/test_edit.py "${mote[@]}" "${small[@]}"
  count_test "the page on embedding" "$python" tests/test_embedding_page.py --build build-gcc --weights models/sprites16.safetensors
  count_test "outputs" "$python" tests/test_outputs.py "${mote[@]}" "${small[@]}"
  count_test "nothing foul on a terminal" "$python" tests/test_escapes.py "${mote[@]}" "${small[@]}"
  count_test "distilling" "$python" tests/test_distill.py "${mote[@]}"
  count_test "evaluating" "$python" tests/test_evaluate.py "${mote[@]}"
  count_test "images that are not square" "$python" tests/test_sizes.py "${mote[@]}"
}

# By hand: an environment of some gigabytes from PyPI, and the network for it.
lane_diffusers() {
  local script=("$python" tests/parity/test_diffusers.py --environment "$environment")
  build gcc && lavapipe && make_once diffusers "an environment with diffusers" "${script[@]}" --help || return 0
  count_test "diffusers itself: fifty configurations, exports, refusals" "${script[@]}" --mote build-gcc/mote
}

lane_swiftshader() {
  build gcc && swiftshader && inputs || return 0
  local there=(--mote build-gcc/mote --device SwiftShader)
  # This driver is the slowest, and keeps nothing of what it compiles: every kernel once, networks of one width, and the samplers
  # where both drivers have to make the same images.
  run_test "op tests on SwiftShader" on_swiftshader build-gcc/tests/test_ops shared
  run_test "replays on SwiftShader" on_swiftshader build-gcc/tests/test_replay
  run_test "the noise's bits on SwiftShader" on_swiftshader build-gcc/tests/test_noise_bits
  run_test "the trainer's bits on SwiftShader" on_swiftshader build-gcc/tests/test_trainer '*bits*'
  count_test "forward on SwiftShader" on_swiftshader "$python" tests/parity/test_forward.py --small --only f24 "${there[@]}"
  count_test "diffusers folders on SwiftShader" on_swiftshader "$python" tests/parity/test_unet2d.py --small "${there[@]}"
  count_test "backward on SwiftShader" on_swiftshader "$python" tests/parity/test_backward.py --small --only f24 "${there[@]}"
  count_test "twenty AdamW steps on SwiftShader" on_swiftshader "$python" tests/parity/test_train_steps.py --only AdamW "${there[@]}"
  count_test "one seed, two drivers" with_every_driver "$python" tests/test_across_devices.py --mote build-gcc/mote \
    --noise build-gcc/tests/test_noise_bits --weights "$weights"
}

with_every_driver() { (unset VK_DRIVER_FILES && "$@"); }

lane_codegen() {
  build gcc || return 0
  count_test "kernels by AMD's compiler, without its GPU" "$python" tests/gpu_codegen.py \
    --codegen build-gcc/tests/codegen
}

validate() {  # layer settings mote-option...: passes through the network, training and sampling, in silence
  local trainer='*' kernels about="$1, $2"
  # The older of two layers need not see every trainer again.
  if [ "$1" = debian ] && [ -r "$chromium_layer" ]; then trainer='*bits*'; fi
  run_test "training, $about" silent "$1" "$2" build-gcc/tests/test_trainer "$trainer"
  for kernels in auto plain tiled matrix; do
    run_test "forward, $kernels kernels, $about" silent "$1" "$2" small_forward build-gcc/mote --kernels "$kernels" \
      --tune off "${@:3}"
    # The trainer's are those of auto, and compiling them once more under GPU-assisted checks takes minutes.
    [ "$2, $kernels" != "gpu_assisted, auto" ] || continue
    run_test "backward, $kernels kernels, $about" silent "$1" "$2" small_backward build-gcc/mote --kernels "$kernels" \
      --tune off "${@:3}"
  done
  run_test "sample, $about" silent "$1" "$2" small_sample build-gcc/mote "${@:3}"
  # Op tests there have every kernel of what follows, and compiling takes most of the time.
  [ "$2" != gpu_assisted ] || return 0
  run_test "inpaint, $about" silent "$1" "$2" small_inpaint build-gcc/mote "${@:3}"
  run_test "sample guided, $about" silent "$1" "$2" small_sample build-gcc/mote --sampler dpm++-sde --guidance 2 \
    --threshold 0.9 "${@:3}"
}

lane_validation() {
  build gcc && lavapipe && inputs || return 0
  make_layers
  if [ -r "$chromium_layer" ]; then
    run_test "a seeded hazard is seen, chromium" canary_is_seen chromium core_sync hazard
    run_test "op tests, chromium, core_sync" silent chromium core_sync build-gcc/tests/test_ops shared
    run_test "distilling, chromium, core_sync" silent chromium core_sync build-gcc/tests/test_distill
    validate chromium core_sync
  fi
  run_test "a seeded leak is seen, debian" canary_is_seen debian core_sync leak
  run_test "op tests, debian, core_sync" silent debian core_sync build-gcc/tests/test_ops \
    "$([ -r "$chromium_layer" ] && echo preferred || echo shared)"
  run_test "distilling, debian, core_sync" silent debian core_sync build-gcc/tests/test_distill
  validate debian core_sync
}

lane_validation_gpu() {
  build gcc && lavapipe && inputs || return 0
  make_layers
  run_test "a seeded overrun is seen, debian" canary_is_seen debian gpu_assisted overrun
  # Compiling takes the time here: every op with the kernels that it prefers; those of other classes in the network.
  run_test "op tests, debian, gpu_assisted" silent debian gpu_assisted build-gcc/tests/test_ops overruns
  validate debian gpu_assisted --separate-buffers
}

sanitized() {  # command...
  # Leaks of the driver, once unloaded, could not be told from ours: keep_drivers.c.
  # Drivers free megabytes at a time: kept in quarantine as long as usual, they would make every page a new one.
  local -x ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:quarantine_size_mb=8:thread_local_quarantine_size_kb=64
  local -x UBSAN_OPTIONS=print_stacktrace=1
  local -x LD_PRELOAD=$PWD/build-asan/keep_drivers.so
  # Every place where the host's memory may run out is another lane's; here it is every seventh.
  local -x MOTE_TEST_EARLY=7
  "$@"
}

lane_sanitizer() {
  local kernels training=(test_files test_resume_is_bit_equal test_resume_needs_a_run test_start test_damaged test_hostile
                          test_full_disk test_loss_not test_usage test_bad test_info)
  build asan && lavapipe && inputs || return 0
  cc -shared -fPIC -o build-asan/keep_drivers.so tests/keep_drivers.c
  # What is sanitized is the host's code: of each op, each class of kernels, and the tuner, once.
  run_test "op tests, sanitized" sanitized build-asan/tests/test_ops overruns
  # Two long ones show what the trainer's and the command line's tests show of the host's memory too.
  ctest_test "unit tests, sanitized" sanitized run_ctest build-asan -E '^test_(ops|tune|distill|profile)$'
  for kernels in plain tiled matrix; do
    run_test "backward, $kernels kernels, sanitized" sanitized small_backward build-asan/mote --kernels "$kernels" --tune off
  done
  run_test "tuning, sanitized" sanitized small_sample build-asan/mote --kernels tiled --tune full --cache none
  run_test "forward, sanitized" sanitized small_forward build-asan/mote
  run_test "sample, sanitized" sanitized small_sample build-asan/mote
  count_test "training, sanitized" sanitized "$python" tests/test_train.py --mote build-asan/mote \
    --only "$(IFS='|' && echo "${training[*]}")"
}

fuzz() {  # target seconds
  local seeds="tests/fuzz/corpus_${1#fuzz_}" corpus=build-check/fuzz/$1
  mkdir -p "$corpus"
  [ -d "$seeds" ] || { echo "$1 has no seeds: $seeds"; return 1; }
  "build-asan/tests/$1" "$corpus" "$seeds" -max_total_time="$2" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$corpus-"
}

fuzzers() {
  build asan && make_once fuzz "build the fuzz targets" cmake --build build-asan --target fuzzers --parallel "$(nproc)"
}

lane_fuzz() {
  local sources=(tests/fuzz/fuzz_*.c) source share
  [ -e "${sources[0]}" ] || { fail_test "fuzz targets" "there is no tests/fuzz/fuzz_*.c"; return 0; }
  fuzzers || return 0
  share=$((fuzz_seconds / ${#sources[@]}))
  for source in "${sources[@]}"; do
    run_test "$(basename "$source" .c)" fuzz "$(basename "$source" .c)" $((share > 5 ? share : 5))
  done
}

lane_faults() {
  local part parts=8
  build gcc && lavapipe || return 0
  for ((part = 1; part <= parts; part++)); do
    count_test "seeded faults turn the tests red, part $part of $parts" bash tests/seeded_faults.sh --part $part/$parts
  done
}

demo_works() {
  tools/demo --out "$scratch/demo" &&
    [ "$(head -c 4 "$scratch/demo/sprites.png")" = $'\x89PNG' ] &&
    [ "$(head -c 4 "$scratch/demo/trajectory.gif")" = GIF8 ]
}

lane_demo() {
  lavapipe || return 0
  run_test "tools/demo" demo_works
}

minimal_works() {
  build-check/examples/minimal build-check/inputs/small.safetensors "$scratch/sprite.png" 3 &&
    [ "$(head -c 4 "$scratch/sprite.png")" = $'\x89PNG' ]
}

game_plays() {
  "$python" tests/test_game.py --game build-check/examples/game --mote build-gcc/mote \
    --weights build-check/inputs/small.safetensors
}

# It trains, saves, loads and samples: eight shapes, one below the other, some of their pixels light and most dark.
own_network_works() {
  build-gcc/tests/own_network "$scratch/own.safetensors" "$scratch/own.pgm" 300 &&
    "$python" -c '
import sys, numpy as np
header, _, pixels = open(sys.argv[1], "rb").read().partition(b" 255\n")
light = np.frombuffer(pixels, np.uint8).reshape(8, -1) > 127
assert header == b"P5 16 128" and (0.02 < light.mean(1)).all() and (light.mean(1) < 0.6).all(), light.mean(1)' "$scratch/own.pgm"
}

lane_embedding() {
  build gcc && lavapipe && inputs && examples || return 0
  count_test "installing, and building against it" "$python" tests/test_install.py --mote build-gcc/mote
  run_test "examples/minimal" minimal_works
  run_test "examples/own_network" own_network_works
  alone count_test "examples/game in a window" game_plays
  make_layers
  if [ -r "$chromium_layer" ]; then
    run_test "a seeded hazard is seen, chromium" canary_is_seen chromium core_sync hazard
    run_test "a host, chromium core_sync" silent chromium core_sync build-gcc/tests/test_embedding
    alone run_test "the game, chromium core_sync" silent chromium core_sync game_plays
  fi
  run_test "a seeded leak is seen, debian" canary_is_seen debian core_sync leak
  run_test "a host, debian core_sync" silent debian core_sync build-gcc/tests/test_embedding
  if swiftshader; then run_test "a host that records, on SwiftShader" on_swiftshader build-gcc/tests/test_embedding '*record*'; fi
}

lane_profiling() {
  build gcc && build clang && lavapipe && inputs && examples || return 0
  count_test "captures, replayed by RenderDoc" "$python" tests/test_renderdoc.py --mote build-gcc/mote \
    --debug-mote build-clang/mote --game build-check/examples/game --weights build-check/inputs/small.safetensors
}

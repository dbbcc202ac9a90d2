#!/usr/bin/env bash
# same_bits.sh: builds the tree of an earlier commit beside this one and compares what both make, bit by bit: for changes that
# must not change results. Tuning is off, and every kernel class is looked at.
#
# Usage: tests/same_bits.sh COMMIT [--build FOLDER] [CLASS...]      FOLDER: this tree, built (build). CLASS: auto, plain, tiled,
# matrix (all of them), host (a sampler that a host records)
#
# Both begin with weights that the earlier program saved. Prints a line a comparison, and "N passed, N failed" at the end.
# With two cores and a driver for the CPU a class takes about a minute.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 1 ] || usage
commit=$(git rev-parse --verify --quiet "$1^{commit}") || { echo "same_bits: found no commit $1" >&2; exit 2; }
shift
build=build passed=0 failed=0
if [ "${1:-}" = --build ]; then build=${2:?} && shift 2; fi
classes=("$@")
[ $# -gt 0 ] || classes=(auto plain tiled matrix host)
for class in "${classes[@]}"; do
  case $class in auto | plain | tiled | matrix | host) ;; *) usage ;; esac
done
folder=$PWD/build-before/${commit:0:12} out=$PWD/build-before/out
now=$PWD/$build
[ -x "$now/mote" ] || { echo "same_bits: found no program $now/mote, expected one that is built" >&2; exit 1; }

# A folder a commit. The test of recording is this tree's, so that both do the same things.
build_before() {
  mkdir -p "$folder"
  [ ! -e "$folder/made" ] || return 0
  rm -rf "$folder/tree" && mkdir "$folder/tree"
  git archive "$commit" | tar -x -C "$folder/tree"
  cp tests/embedding/test_recorded.c "$folder/tree/tests/embedding/"
  {
    cmake -S "$folder/tree" -B "$folder" -G Ninja -DMOTE_PROGRAM=ON -DMOTE_TESTS=ON \
      ${CMAKE_C_COMPILER_LAUNCHER:+"-DCMAKE_C_COMPILER_LAUNCHER=$CMAKE_C_COMPILER_LAUNCHER"} &&
      cmake --build "$folder" --target mote test_recorded
  } >"$folder/log" && touch "$folder/made"
}

make_inputs() {  # images of five classes, and a batch
  # Debian's, where another stands before it in PATH and knows no numpy.
  PATH=/usr/bin:$PATH python3 - "$out" <<'PYTHON'
import sys
import numpy as np
folder, random = sys.argv[1], np.random.default_rng(1)
np.save(f"{folder}/images.npy", random.integers(0, 256, (80, 16, 16, 3), np.uint8))
np.save(f"{folder}/images_labels.npy", np.arange(80, dtype=np.int32) % 5)
np.save(f"{folder}/x0.npy", np.tanh(random.standard_normal((3, 3, 16, 16))).astype(np.float32))
np.save(f"{folder}/noise.npy", random.standard_normal((3, 3, 16, 16)).astype(np.float32))
np.save(f"{folder}/steps.npy", np.array([1, 250, 500], np.int32))
np.save(f"{folder}/context.npy", np.eye(5, dtype=np.float32)[:3])
PYTHON
}

both() {  # name file program argument...: FILE, which the program writes, is the same by those of both trees
  local name=$1 file=$2 program=$3 side
  shift 3
  for side in before now; do
    local tree=$folder
    [ $side = before ] || tree=$now
    mkdir -p "$out/$side"
    (cd "$out/$side" && rm -rf "$file" && "$tree/$program" "$@") >"$out/log" 2>&1 ||
      { failed=$((failed + 1)); echo "FAIL  $name: $side: $(tail -n 1 "$out/log")"; return; }
  done
  if cmp -s "$out/before/$file" "$out/now/$file"; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name: $file differs"
  fi
}

with_kernels() {  # class name file argument...
  both "$1: $2" "$3" mote "${@:4}" --kernels "$1" --tune off --cache "$out/cache"
}

samples() {  # class
  local sampler guidance
  for sampler in ddim ddpm dpm++ dpm++-sde; do
    for guidance in 1 2; do
      with_kernels "$1" "3 images by $sampler, guidance $guidance" samples.npy sample ../unet.safetensors -o samples.png \
        --npy samples.npy -n 3 --steps 3 --seed 3 --context 1,0,0,0,0 --context none --sampler "$sampler" --guidance "$guidance"
    done
  done
}

training() {  # class
  local target train=(train ../images.npy --labels ../images_labels.npy -o model.safetensors --force)
  local run=(--steps 4 --batch 4 --accumulate 2 --seed 5 --holdout 0.2 --sample-every 0)
  for target in epsilon v x0; do
    with_kernels "$1" "4 steps towards $target" model.safetensors "${train[@]}" --start ../unet.safetensors --n-feat 8 \
      --target "$target" "${run[@]}"
  done
  with_kernels "$1" "4 steps of a classifier" model.safetensors "${train[@]}" --classifier --start ../classifier.safetensors \
    --n-feat 8 "${run[@]}"
  with_kernels "$1" "4 steps of distilling" model.safetensors "${train[@]}" --teacher ../unet.safetensors --distill-steps 4 \
    --teacher-guidance 2 "${run[@]}"
}

gradients() {  # class
  local model
  for model in unet wide; do
    with_kernels "$1" "backward of the model $model" gradients.safetensors backward "../$model.safetensors" --x0 ../x0.npy \
      --noise ../noise.npy --steps ../steps.npy --context ../context.npy -o gradients.safetensors
  done
}

build_before || { tail -n 20 "$folder/log"; echo "same_bits: $commit does not build" >&2; exit 1; }
rm -rf "$out" && mkdir -p "$out"
make_inputs
start=(train "$out/images.npy" --labels "$out/images_labels.npy" --batch 8 --steps 3 --sample-every 0)
{
  "$folder/mote" "${start[@]}" --n-feat 8 -o "$out/unet.safetensors"
  "$folder/mote" "${start[@]}" --n-feat 32 -o "$out/wide.safetensors"
  "$folder/mote" "${start[@]}" --n-feat 8 --classifier -o "$out/classifier.safetensors"
} >"$out/log" 2>&1 || { tail -n 3 "$out/log"; exit 1; }
for class in "${classes[@]}"; do
  if [ "$class" = host ]; then
    both "a sampler that a host records, every option" pixels tests/test_recorded pixels
  else
    samples "$class"
    training "$class"
    gradients "$class"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

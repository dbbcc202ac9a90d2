#!/usr/bin/env bash
# same_bits.sh: builds the tree of an earlier commit beside this one and compares what both make, bit by bit: for changes that
# must not change results. Tuning is off, and every kernel class is looked at.
#
# Usage: tests/same_bits.sh COMMIT [--build FOLDER]      FOLDER: this tree, built (build)
#
# Both begin with weights that the earlier program saved. Prints a line a comparison, and "N passed, N failed" at the end.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

[ $# = 1 ] || { [ $# = 3 ] && [ "$2" = --build ]; } || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
commit=$1 build=${3:-build} passed=0 failed=0
before=build-before out=$PWD/build-before/out
now=$PWD/$build/mote
[ -x "$now" ] || { echo "same_bits: found no program $now, expected one that is built" >&2; exit 1; }

build_before() {
  rm -rf "$before/tree" "$out"
  mkdir -p "$before/tree" "$out"
  git archive "$commit" | tar -x -C "$before/tree"
  cmake -S "$before/tree" -B "$before/build" -G Ninja -DMOTE_TESTS=OFF >"$before/log" && cmake --build "$before/build" >>"$before/log"
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

both() {  # name file command...: FILE, which the command writes, is the same by both programs
  local name=$1 file=$2 side
  shift 2
  for side in before now; do
    mkdir -p "$out/$side"
    (cd "$out/$side" && rm -rf "$file" && "${!side}" "$@" --tune off --cache "$out/cache") >"$out/log" 2>&1 ||
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

samples() {  # class
  local sampler guidance
  for sampler in ddim ddpm dpm++ dpm++-sde; do
    for guidance in 1 2; do
      both "$1: 16 images by $sampler, guidance $guidance" samples.npy sample ../unet.safetensors -o samples.png --npy samples.npy \
        -n 16 --steps 5 --seed 3 --context 1,0,0,0,0 --context none --sampler "$sampler" --guidance "$guidance" --kernels "$1"
    done
  done
}

training() {  # class
  local target data=(../images.npy --labels ../images_labels.npy) run=(--steps 12 --batch 8 --seed 5 --holdout 0.2)
  for target in epsilon v x0; do
    both "$1: 12 steps towards $target" model.safetensors train "${data[@]}" -o model.safetensors --force --n-feat 16 \
      --start ../unet.safetensors --target "$target" "${run[@]}" --kernels "$1"
  done
  both "$1: 12 steps of a classifier" model.safetensors train "${data[@]}" -o model.safetensors --force --classifier \
    --start ../classifier.safetensors "${run[@]}" --kernels "$1"
  both "$1: 12 steps of distilling" model.safetensors train "${data[@]}" -o model.safetensors --force \
    --teacher ../unet.safetensors --distill-steps 4 --teacher-guidance 2 "${run[@]}" --kernels "$1"
}

gradients() {  # class
  both "$1: backward" gradients.safetensors backward ../unet.safetensors --x0 ../x0.npy --noise ../noise.npy --steps ../steps.npy \
    --context ../context.npy -o gradients.safetensors --kernels "$1"
  both "$1: backward of the larger model" gradients.safetensors backward ../wide.safetensors --x0 ../x0.npy --noise ../noise.npy \
    --steps ../steps.npy --context ../context.npy -o gradients.safetensors --kernels "$1"
}

build_before || { tail -n 20 "$before/log"; echo "same_bits: $commit does not build" >&2; exit 1; }
before=$PWD/$before/build/mote
make_inputs
start=(train "$out/images.npy" --labels "$out/images_labels.npy" --batch 8 --steps 3)
{
  "$before" "${start[@]}" --n-feat 16 -o "$out/unet.safetensors"
  "$before" "${start[@]}" --n-feat 64 -o "$out/wide.safetensors"
  "$before" "${start[@]}" --n-feat 16 --classifier -o "$out/classifier.safetensors"
} >"$out/log" 2>&1 || { tail -n 3 "$out/log"; exit 1; }
for kernels in auto plain tiled matrix; do
  samples $kernels
  training $kernels
  gradients $kernels
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

#!/usr/bin/env bash
# test_layers.sh: the rules about files: who may include whom, where Vulkan's names may stand, sizes, first lines, and
# that every shader is used. Prints one line a broken rule, and "N passed, N failed" at the end.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

passed=0 failed=0

rule() {  # name command...: the command prints the offenders; none is a pass
  local name=$1 offenders
  shift
  offenders=$("$@")
  if [ -z "$offenders" ]; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    # shellcheck disable=SC2001
    sed 's/^/      /' <<<"$offenders"
  fi
}

sources() {  # folder...: their C files and headers
  find "$@" -type f \( -name '*.c' -o -name '*.h' \) | sort
}

included() {  # file pattern: lines of it that include something that matches
  grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$2" "$1" || true
}

forbid_includes() {  # pattern folder...: nothing in the folders includes it
  local pattern=$1 file
  shift
  for file in $(sources "$@"); do included "$file" "$pattern"; done
}

# The folders of graph/ and of tools/, from the ground up: a file includes from its own and from those before it. What
# stands on one floor, such as train and sample, knows nothing of its neighbours.
graph_floors=(ir files kernels ops compile nets diffusion measure)
tools_floors=(images data "train sample" measure commands)

arrows_up() {  # parent floor...: includes that go up, or sideways, within the parent
  local parent=$1 here there folder other
  shift
  local floors=("$@")
  for ((here = 0; here < ${#floors[@]}; here++)); do
    for folder in ${floors[here]}; do
      for ((there = here; there < ${#floors[@]}; there++)); do
        for other in ${floors[there]}; do
          [ "$other" = "$folder" ] || forbid_includes "$parent/$other/" "$parent/$folder"
        done
      done
    done
  done
}

strangers() {  # beside parent floor...: files in none of the parent's folders, nor, where `beside` is true, in the parent itself
  local beside=$1 parent=$2 file
  shift 2
  for file in $(sources "$parent"); do
    [ "$beside" = true ] && [ "$(dirname "$file")" = "$parent" ] && continue
    [[ " $* " == *" $(cut -d/ -f2 <<<"$file") "* ]] || echo "$file"
  done
}

# What still goes round, as "file file"; a list that only shrinks.
circles=("graph/compile/choose graph/compile/program" "runtime/vulkan runtime/functions")

circles() {  # NAME.c and NAME.h are one: files that include each other, directly or by way of others
  local file
  for file in $(sources runtime graph tools); do
    sed -nE "s|^ *# *include \"((runtime\|graph\|tools)/[^\"]*)\.h\".*|${file%.*} \1|p" "$file"
  done | awk '$1 != $2' | grep -vxF "$(printf '%s\n' "${circles[@]}")" | { tsort >/dev/null; } 2>&1 || true
}

# `mote selftest` runs them on the user's device.
tests_in_the_program() {
  forbid_includes 'tests/' tools | grep -v '^tools/commands/selftest\.c:.*"tests/ops/cases\.h"' || true
}

# A comment may speak of Vulkan; code may not. Apart stand the public embedding functions, and Vulkan programs of their
# own among the tests.
vulkan_names_outside() {
  local file apart='^(tests/(validation|embedding|codegen)/|graph/diffusion/(sampler_record|trainer_record)\.c)'
  for file in $(sources graph tools tests | grep -vE "$apart"); do
    sed 's|//.*||' "$file" | grep -nE '\b([vV]k[A-Z][A-Za-z]+|VK_[A-Z_0-9]+|volk[A-Z][a-zA-Z]*)\b' |
      sed "s|^|$file:|" || true
  done
}

too_long() {
  find include runtime graph tools tests shaders examples docs -type f \
    \( -name '*.[ch]' -o -name '*.comp' -o -name '*.glsl' -o -name '*.py' -o -name '*.sh' -o -path 'tools/[a-z]*' \) \
    -exec wc -l {} + 2>/dev/null | awk '$2 != "total" && $1 > 800 {print $2 ": " $1 " lines"}' || true
}

first_lines() {  # "// name.c: what it does"
  local file
  for file in $(sources include runtime graph tools tests); do
    [[ $(head -n 1 "$file") == "// $(basename "$file"): "* ]] || echo "$file:1: $(head -n 1 "$file")"
  done
}

unused_shaders() {  # a shader that nothing asks for by its name
  local path name
  for path in shaders/*.comp; do
    name=$(basename "$path" .comp)
    grep -rqE "\"$name(_cooperative)?\"" --include='*.c' --include='*.h' --include='*.def' graph runtime || echo "$path"
  done
}

headers_apart() {  # of a shader's backward one, be it of a gradient that is no op of its own: they share shaders/NAME.h
  local path
  for path in shaders/*_backward*.h shaders/*_gradient*.h; do
    [ ! -e "$path" ] || [ -e "graph/ops/$(basename "$path" .h).c" ] || echo "$path"
  done
}

untested_ops() {  # an op without a file of cases
  [ -r graph/ops/ops.def ] || { echo "graph/ops/ops.def is missing"; return; }
  local op
  for op in $(sed -n 's/^OP(\([a-z_0-9]*\).*/\1/p' graph/ops/ops.def); do
    [ -s "tests/ops/$op.c" ] || echo "tests/ops/$op.c is missing"
  done
}

unlisted_ops() {  # an op that stands nowhere in the list, and a name in the list that is no op
  diff <(sed -n 's/^\(GRADIENT_\)\?OP(\([a-z_0-9]*\),.*/\2/p' graph/ops/ops.def | sort) \
       <(grep -rhoE '\bop [a-z_0-9]+_op =' --include='*.c' graph | sed 's/op \(.*\)_op =/\1/' | sort) || true
}

named_outside() {  # file pattern: where else it stands
  grep -rnE "\\b$2" --include='*.c' --include='*.h' graph tools tests examples | grep -v "^$1:" || true
}

# What nodes' attributes are made of: words, so that nodes can be compared and hashed. A tensor is an input, an output or scratch.
attributes_of_more_than_words() {
  awk '{ line = $0; sub("//.*", "", line) }
       line ~ /^typedef struct ([a-z_0-9]*attributes|epilogue|normal_noise_desc) \{/ { inside = 1; next }
       line ~ /^\}/ { inside = 0 }
       inside && line !~ /^ *(u?int32_t|int|float|epilogue) [a-z_0-9, ]+; *$/ { print FILENAME ":" FNR ": " $0 }' \
    graph/ops/*.[ch] graph/ir/graph.h
}

# What passes ask of a node may depend on the device, and what launches it; its gradient rule may not.
device_in_gradient_rules() {
  awk 'FNR == 1 { name = "" }
       /^[a-z].*\(.*[^;]$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
       /graph->caps/ && name !~ /^(saves_variants|take_second|take_upsampled|can_join|can_join_layers|can_follow|one_binding_holds)$/ { print FILENAME ":" FNR ": " $0 }' \
    graph/ops/*.c
}

# A shader is covered when a test or a seeded fault names it, or an op that has cases does, be it through a function of the same name.
uncovered_shaders() {
  local path name op
  for path in shaders/*.comp; do
    name=$(basename "$path" .comp)
    grep -rqw "$name" --include='*.c' --include='*.sh' tests && continue
    for op in $(grep -rlw "$name" --include='*.c' graph/ops); do
      [ -s "tests/ops/$(basename "$op")" ] && continue 2
    done
    echo "$path"
  done
}

# Text from outside is made fit to be shown in one place for people and in one for --json. Of the program's other files the
# preview prints colours and the bars of progress move the cursor; the library prints nothing.
prints_by_itself() {
  local file apart='^tools/((say|json|progress)|images/preview|train/train_report)\.c'
  for file in $(sources runtime graph tools | grep -vE "$apart"); do
    sed 's|//.*||' "$file" |
      grep -nE '(^|[^a-zA-Z_.>])(v?printf|v?dprintf|puts|putchar|perror)\(|(printf|puts|putc|fputc|write)\(.*[^_a-z](std(out|err)|STD(OUT|ERR)_FILENO)' |
      sed "s|^|$file:|" || true
  done
}

not_executable() {
  local file
  for file in tools/demo tools/check .ci/run; do
    [ -x "$file" ] || echo "$file"
  done
}

rule "runtime includes nothing from above it" forbid_includes '(graph|tools|tests)/' runtime include
rule "graph includes nothing from above it" forbid_includes '(tools|tests)/' graph
rule "within graph, includes go downward" arrows_up graph "${graph_floors[@]}"
rule "layout.c alone knows layouts" named_outside graph/ir/layout.c 'LAYOUT_(C8|WEIGHT|RAW)'
rule "compiling knows ops by their traits" forbid_includes 'graph/ops/' graph/compile
rule "every file of graph is in one of its folders" strangers false graph "${graph_floors[@]}"
rule "within tools, includes go downward" arrows_up tools "${tools_floors[@]}"
rule "what stands in tools itself includes none of its folders" forbid_includes 'tools/[^"/]*/' tools/*.[ch]
rule "every file of tools is in one of its folders" strangers true tools "${tools_floors[@]}"
rule "no circle of files" circles
rule "of the tests the program knows the ops' cases alone" tests_in_the_program
rule "the ops' cases know graph alone" forbid_includes '(tools|tests/[^o])' tests/ops
rule "runtime/vulkan.h stays in runtime" forbid_includes '(runtime/(vulkan|functions)\.h|volk|vulkan/)' graph tools tests/ops
rule "the public headers stand alone" forbid_includes '(runtime|graph|tools|tests|vulkan/vulkan\.h|volk)' include
rule "mote.h needs no Vulkan header" included include/mote.h '(vulkan|mote_vulkan)'
rule "includes are written from the root" forbid_includes '\.\./' runtime graph tools tests include
rule "Vulkan's names stand in runtime only" vulkan_names_outside
rule "no file has more than 800 lines" too_long
rule "the first line of a C file says what it does" first_lines
rule "every shader is used" unused_shaders
rule "a shader and its backward one share a header" headers_apart
rule "every op has cases" untested_ops
rule "every op is in ops.def" unlisted_ops
rule "attributes of nodes are words" attributes_of_more_than_words
rule "no gradient rule looks at the device" device_in_gradient_rules
rule "every shader is covered by cases or named in a test" uncovered_shaders
rule "what is printed goes through tools/say.c or json_print_line" prints_by_itself
rule "scripts are executable" not_executable

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

# jobs.sh: a library of tools/check: tests are jobs that lanes queue; as many run at a time as there are cores, and each
# says in one line how it ended. Expects `lane`, the name of the lane that queues, and the folder $logs.
#
#   run_test NAME COMMAND...              one test, judged by its exit status
#   count_test NAME COMMAND...            many tests; the last line must be "N passed, N failed"
#   ctest_test NAME COMMAND...            every ctest of a build counts for itself; COMMAND ends in run_ctest
#   alone run_test|count_test...          where the clock matters: nothing else runs then, and drivers use every core
#   run_now NAME COMMAND...               not queued: a build, or an input that the queued ones need
#
# A COMMAND may be a function of the shell. It runs in a process of its own, where $scratch is a folder of its own.
# shellcheck shell=bash

passed=0 failed=0
failures=()
declare -A lane_passed=() lane_failed=() lane_seconds=() lane_cpu=()

job_lanes=() job_kinds=() job_names=() job_commands=()
queued=() queued_alone=()        # jobs by their number, in the order in which they begin
declare -A job_of=() began_at=()  # by process
job_limit=1500                   # seconds until a job that hangs is ended

jobs_at_once() {  # more than eight would be a matter of memory
  local cores
  cores=$(nproc)
  echo $((cores < 8 ? cores : 8))
}

# ----------------------------------------------------------------------------------------------------------------------
# Queueing

add_job() {  # kind name command...
  local command
  printf -v command '%q ' "${@:3}"
  job_lanes+=("$lane") job_kinds+=("$1") job_names+=("$2") job_commands+=("$command")
}

queue_job() {
  add_job "$@"
  if [ "${is_alone:-no}" = yes ]; then queued_alone+=($((${#job_names[@]} - 1))); else queued+=($((${#job_names[@]} - 1))); fi
}

run_test() { queue_job status "$@"; }
count_test() { queue_job count "$@"; }
ctest_test() { queue_job ctest "$@"; }
alone() { local is_alone=yes; "$@"; }

fail_test() {  # name reason: a test that could not even run
  queue_job status "$1" give_reason "$2"
}

give_reason() { echo "$1"; return 1; }

run_ctest() {  # folder option...
  cd "$1" && ctest --output-on-failure -j 1 "${@:2}"
}

# ----------------------------------------------------------------------------------------------------------------------
# Running

log_of() {  # job: the file that its output goes to
  local name=${job_lanes[$1]}.${job_names[$1]}
  echo "$logs/${name//[^A-Za-z0-9.]/_}.log"
}

job_process() {  # job log: what runs in the background, with the clock's word in LOG.time
  local TIMEFORMAT='%R %U %S' status=0
  scratch=build-check/scratch/$1
  rm -rf "$scratch"
  mkdir -p "$scratch"
  # The process group is the job's own, and whatever a job leaves running ends with it.
  { sleep "$job_limit" && echo "(ended after $job_limit s)" && kill -KILL 0; } &
  { time eval "${job_commands[$1]}" 2>&1; } 2>"$2.time" || status=$?
  rm -rf "$scratch"
  return "$status"
}

start_job() {  # job
  local log
  log=$(log_of "$1")
  rm -f "$log.time"
  set -m
  job_process "$1" "$log" >"$log" 2>&1 </dev/null &
  set +m
  job_of[$!]=$1 began_at[$!]=$SECONDS
}

end_group() {  # process: all that is left of its group
  kill -KILL -- "-$1" 2>/dev/null || true
}

show() {  # log: what a failed test printed, within reason
  # What passed would only push the reason out of sight.
  grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test .* Passed |\[[0-9]+/[0-9]+\] (Building|Linking|Compiling) )' "$1" | sed 's/^/        | /' | tail -n 200
}

count_results() {  # kind log status: sets good and bad
  local total='' last
  good=0 bad=0
  case $1 in
    status) if [ "$3" = 0 ]; then good=1; else bad=1; fi ;;
    count)
      last=$(tail -n 1 "$2")
      if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then good=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]}; fi
      ;;
    ctest)
      total=$(sed -n 's/^.*tests passed, [0-9]* tests\{0,1\} failed out of \([0-9]*\)$/\1/p' "$2")
      bad=$(sed -n 's/^.*tests passed, \([0-9]*\) tests\{0,1\} failed out of [0-9]*$/\1/p' "$2")
      bad=${bad:-0} good=$((${total:-0} - bad))
      ;;
  esac
  # Silence, no check at all, or an exit status that contradicts the count is a failure of its own.
  if [ "$bad" = 0 ] && { [ "$3" != 0 ] || [ "$good" = 0 ]; }; then bad=1; fi
  [ "$bad" = 0 ] || echo "(exit status $3)" >>"$2"
}

end_job() {  # job status seconds: one line, the totals, and the log of a failure
  local log _ user='' system='' good bad word=ok count=''
  log=$(log_of "$1")
  lane=${job_lanes[$1]}
  count_results "${job_kinds[$1]}" "$log" "$2"
  if [ -r "$log.time" ]; then read -r _ user system < <(tail -n 1 "$log.time") || true; fi
  [ "$bad" = 0 ] || word=FAIL
  [ "${job_kinds[$1]}" = status ] || count=" ($good passed, $bad failed)"
  printf '  %-4s  %-14s  %-72s %5d s\n' "$word" "$lane" "${job_names[$1]}$count" "$3"
  passed=$((passed + good)) failed=$((failed + bad))
  lane_passed[$lane]=$((${lane_passed[$lane]:-0} + good)) lane_failed[$lane]=$((${lane_failed[$lane]:-0} + bad))
  lane_seconds[$lane]=$((${lane_seconds[$lane]:-0} + $3))
  # In whole seconds; a job that was killed has not said what it took.
  lane_cpu[$lane]=$(awk "BEGIN { printf \"%.1f\", ${lane_cpu[$lane]:-0} + ${user:-0} + ${system:-0} }")
  [ "$bad" = 0 ] && return
  failures+=("$lane: ${job_names[$1]}")
  show "$log"
}

wait_for_job() {  # until one or more of the running jobs have ended
  local process job status seconds waiting=yes
  while [ $waiting = yes ]; do
    # Not `wait -n`, which forgets those that ended before it was called.
    sleep 0.1
    for process in "${!job_of[@]}"; do
      if kill -0 "$process" 2>/dev/null; then continue; fi
      status=0
      wait "$process" || status=$?
      end_group "$process"
      job=${job_of[$process]} seconds=$((SECONDS - began_at[$process])) waiting=no
      unset "job_of[$process]" "began_at[$process]"
      end_job "$job" "$status" "$seconds" || true
    done
  done
}

run_now() {  # name command...
  local bad_before=$failed
  add_job status "$@"
  start_job $((${#job_names[@]} - 1))
  wait_for_job
  [ "$failed" = "$bad_before" ]
}

run_jobs() {  # all that are queued
  local job at_once
  at_once=$(jobs_at_once)
  # A CPU driver or PyTorch with a thread for each core gains little by them, and disturbs the job beside it.
  if [ "$at_once" -gt 1 ]; then export LP_NUM_THREADS=1 OMP_NUM_THREADS=1; fi
  for job in "${queued[@]}"; do
    start_job "$job"
    while [ ${#job_of[@]} -ge "$at_once" ]; do wait_for_job; done
  done
  while [ ${#job_of[@]} -gt 0 ]; do wait_for_job; done
  unset LP_NUM_THREADS OMP_NUM_THREADS
  for job in "${queued_alone[@]}"; do
    start_job "$job"
    wait_for_job
  done
  queued=() queued_alone=()
}

end_jobs() {  # on Ctrl-C
  local process
  for process in "${!job_of[@]}"; do end_group "$process"; done
}

# ----------------------------------------------------------------------------------------------------------------------

lane_table() {  # lane...: what each took; one that ran no test has failed
  local name
  printf '\n%-16s %8s %8s %10s %8s\n' lane passed failed 'seconds' 'of CPU'
  for name in "$@"; do
    if [ "${lane_passed[$name]:-0}" = 0 ] && [ "${lane_failed[$name]:-0}" = 0 ]; then
      failed=$((failed + 1)) lane_failed[$name]=1 failures+=("$name: no test ran")
    fi
    printf '%-16s %8d %8d %10d %8.0f\n' "$name" "${lane_passed[$name]:-0}" "${lane_failed[$name]:-0}" \
      "${lane_seconds[$name]:-0}" "${lane_cpu[$name]:-0}"
  done
}

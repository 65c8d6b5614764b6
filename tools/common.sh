# What the tools share; sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Prints the name of a Bazel that reads MODULE.bazel; fails where there is none.
modern_bazel() {
  if command -v bazelisk; then return; fi
  local version
  version=$(cd / && bazel --version 2>/dev/null) || return 1
  # Debian's says "bazel no_version".
  [[ $version =~ ^bazel\ ([0-9]+)\. ]] && ((BASH_REMATCH[1] >= 7)) && echo bazel
}

# prepare [--browser]: sets the machine up if that is still to be done, and `bazel` to the one to use.
prepare() {
  "$root/tools/setup" "$@" || exit
  bazel=$(modern_bazel) || bazel='bazel-4'
}

# Runs Bazel in the repository, wherever the user is.
run_bazel() { (cd "$root" && exec "$bazel" "$@"); }

# build_program TARGET: builds it optimised, silently if all goes well, and sets
# `program` to where it is.
build_program() {
  local target=$1 log bin
  prepare
  if [[ -t 2 ]]; then
    # Somebody watches: Bazel's own progress lines.
    run_bazel build --config=opt --ui_event_filters=-info,-stdout,-stderr --show_result=0 "$target" || exit
  else
    log=$(mktemp)
    if ! run_bazel build --config=opt --noshow_progress "$target" >"$log" 2>&1; then
      cat "$log" >&2
      rm -f "$log"
      exit 1
    fi
    rm -f "$log"
  fi
  bin=$(run_bazel info --config=opt bazel-bin 2>/dev/null) || exit
  target=${target#//}
  program=$bin/${target/://}
}

# exec_program TARGET ARGUMENTS...: builds the target as above and becomes that
# program in the user's own folder, so that relative paths among its arguments
# mean what the user means.
exec_program() {
  local target=$1
  shift
  build_program "$target"
  exec "$program" "$@"
}

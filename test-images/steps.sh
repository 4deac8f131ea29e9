# SPDX-License-Identifier: Apache-2.0
# Progress for the build scripts: one line a step with its seconds on the terminal, everything else in a log file.
# Sourced, not run. The log's name is inherited by scripts that are started by a script.

start_log() {
    export BUILD_LOG=$1
    : >"$BUILD_LOG"
}

fail() {
    echo "test-images: $*" >&2
    exit 1
}

# step WHAT COMMAND...: runs the command (or function) with its output in the log.
step() {
    local what=$1 started=$SECONDS
    shift
    printf '  %-50s' "$what"
    echo "=== $what: $*" >>"$BUILD_LOG"
    # After `||` or `if` bash would go on in "$@" after a command that fails.
    local status
    set +e
    (set -e; "$@") </dev/null >>"$BUILD_LOG" 2>&1
    status=$?
    set -e
    if ((status)); then
        echo ' failed'
        tail -n 15 "$BUILD_LOG" | sed 's/^/    | /' >&2
        fail "$what failed with status $status; the whole log is $BUILD_LOG"
    fi
    printf '%4d s\n' $((SECONDS - started))
}

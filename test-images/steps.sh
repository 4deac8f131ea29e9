# SPDX-License-Identifier: Apache-2.0
# Progress for the build scripts: one line a step with its seconds, which run on a terminal; everything else is in a log
# file. Sourced, not run. The log's name is inherited by scripts that are started by a script.

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
    local what=$1 started=$SECONDS ticker=
    shift
    printf '  %-50s' "$what"
    if [[ -t 1 ]]; then
        # It must not hold the lock of the build.
        while sleep 1; do printf '\r  %-50s%4d s' "$what" $((SECONDS - started)); done 9>&- &
        ticker=$!
    fi
    echo "=== $what: $*" >>"$BUILD_LOG"
    # After `||` or `if` bash would go on in "$@" after a command that fails.
    local status
    set +e
    (set -e; "$@") </dev/null >>"$BUILD_LOG" 2>&1
    status=$?
    if [[ $ticker ]]; then
        kill "$ticker"
        wait "$ticker" 2>/dev/null
        printf '\r  %-50s' "$what"
    fi
    set -e
    if ((status)); then
        echo ' failed'
        tail -n 15 "$BUILD_LOG" | sed 's/^/    | /' >&2
        fail "$what failed with status $status; the whole log is $BUILD_LOG"
    fi
    printf '%4d s\n' $((SECONDS - started))
}

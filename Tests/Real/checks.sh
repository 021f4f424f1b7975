# Shared by the test scripts: each check is counted, and prints what it got if it fails.
# shellcheck shell=bash

checks_passed=0 checks_failed=0 checks_skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

ok() { checks_passed=$((checks_passed + 1)) && echo "ok: $1"; }
fails() { checks_failed=$((checks_failed + 1)) && echo "failed: $1${2:+: ${2//$'\n'/ | }}"; }
skips() { checks_skipped=$((checks_skipped + 1)) && echo "skipped: $1: $2"; }

passes() { # NAME COMMAND…
    if "${@:2}" >"$scratch/said" 2>&1; then
        ok "$1"
    else
        fails "$1" "exit status $?: $(head -c 2000 "$scratch/said")"
    fi
}

# Waits up to a minute for the command to succeed: no check may depend on timing.
waits_for() { # COMMAND…
    for _ in {1..600}; do
        ! "$@" || return 0
        sleep 0.1
    done
    return 1
}
says() { grep -qE -e "$2" "$1" 2>/dev/null; } # FILE PATTERN

# Exit status 0 and no output.
is_quiet() {
    local said
    said=$("$@" 2>&1) || return
    [ -z "$said" ] || { echo "$said" && return 1; }
}

close() {
    echo "$checks_passed passed, $checks_failed failed, $checks_skipped skipped"
    [ "$checks_failed" = 0 ] || exit 1
    exit 0
}

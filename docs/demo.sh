#!/bin/sh
# What gleak does, start to end: a test main in which one test leaves tasks behind, a program that
# deadlocks, and what the tools make of them. Usage: docs/demo.sh FOLDER
# Succeeds only if exactly the leaking test failed and the deadlock ended with status 2.
set -u
cargo=${CARGO:-cargo}
folder=${1:?a folder for what the demo leaves}

say() { if [ -t 1 ]; then printf '\n\033[1m== %s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

$cargo build -q -p gleak-cli -p gleak-runtime -p gleak-test-harness --bins --examples || exit 1
target=$($cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
bin=$target/debug
rm -rf "$folder" && mkdir -p "$folder/dumps" "$folder/findings" || exit 1

say "a test main: one of its two tests leaves tasks behind"
GLEAK_OUT="$folder/findings" "$bin/examples/demo" >"$folder/tests.txt" 2>&1
status=$?
cat "$folder/tests.txt"
[ "$status" -eq 101 ] || fail "the leaking test main ended with status $status, not 101"
failed=$(sed -n 's/^test \(.*[^ ]\) *\.\.\. FAILED$/\1/p' "$folder/tests.txt")
[ "$failed" = the_fastest_mirror_wins ] || fail "failed were: $failed"

say "a program: two transfers lock two accounts in opposite order"
GLEAK_DUMP_DIR="$folder/dumps" "$bin/examples/deadlock"
status=$?
[ "$status" -eq 2 ] || fail "the deadlock ended with status $status, not 2"
dump=$(ls "$folder"/dumps/*.ndjson) || fail "the deadlock left no dump"

say "gleak report $dump"
"$bin/gleak" report "$dump" || fail "gleak report failed"

say "gleak flame $dump -o $folder/deadlock.svg"
"$bin/gleak" flame "$dump" -o "$folder/deadlock.svg" || fail "gleak flame failed"

say "gleak gate $folder/findings"
"$bin/gleak" gate "$folder/findings"
status=$?
[ "$status" -eq 1 ] || fail "the gate ended with status $status, not 1"

say "the same with the leak accepted in a baseline"
"$bin/gleak" baseline write "$folder/baseline.json" "$folder/findings" \
    --reason "the demo leaks on purpose" || fail "no baseline written"
"$bin/gleak" gate "$folder/findings" --baseline "$folder/baseline.json" || fail "the gate is red"

say "done: exactly the leaking test failed, and the deadlock ended with status 2"
printf 'open the picture: %s\n' "$folder/deadlock.svg"

#!/bin/sh
# Runs the timing-sensitive suites again and again, several at once, and says at the end how many
# runs there were and how many failed. Usage: docs/stress.sh [ROUNDS] [AT ONCE]
set -u
rounds=${1:-10}
at_once=${2:-4}
cargo test --no-run -p gleak-runtime -p gleak-test-harness -p gleak-fixtures || exit 1
log=target/stress
rm -rf "$log" && mkdir -p "$log"
worker() {
    for round in $(seq 1 "$rounds"); do
        timeout 300 cargo test -q -p gleak-runtime -p gleak-test-harness -p gleak-fixtures \
            >"$log/$1-$round.log" 2>&1 && rm "$log/$1-$round.log"
    done
}
for n in $(seq 1 "$at_once"); do worker "$n" & done
wait
failed=$(find "$log" -name '*.log' | wc -l)
echo "stress: $((rounds * at_once)) runs, $failed failed (logs of those are in $log)"
[ "$failed" -eq 0 ]

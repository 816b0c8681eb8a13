#!/bin/sh
# The catalogue again and again, in an optimised build: every body side by side with the others in
# one process a round, every program as a process of its own. One finding more, less or of another
# certainty fails a round. Usage: docs/rounds.sh [ROUNDS OF BODIES] [ROUNDS OF PROGRAMS]
set -u
bodies=${1:-1000}
programs=${2:-200}
cargo test --release --no-run -q -p gleak-fixtures --test catalogue || exit 1
log=target/rounds
rm -rf "$log" && mkdir -p "$log"
run() {
    for round in $(seq 1 "$2"); do
        timeout 300 cargo test --release -q -p gleak-fixtures --test catalogue -- $3 \
            >"$log/$1-$round.log" 2>&1 && rm "$log/$1-$round.log"
    done
}
run bodies "$bodies" "--skip process/"
run programs "$programs" "process/"
failed=$(find "$log" -name '*.log' | wc -l)
echo "rounds: $bodies of bodies, $programs of programs, $failed failed (logs of those are in $log)"
[ "$failed" -eq 0 ]

#!/bin/sh
# Runs the fuzz targets in cli/fuzz one after the other: SECONDS for each, and which ones. The instrumentation
# is the compiler's own and needs no nightly toolchain; one with sanitizers can be had by `cargo +nightly fuzz`.
# What is found is kept below target/fuzz: inputs that reach new code, and those that break a target.
set -eu
seconds=$1
shift
cargo=${CARGO:-cargo}
"$cargo" fuzz --version >/dev/null 2>&1 || {
	echo "cargo-fuzz is needed: cargo install --locked cargo-fuzz" >&2
	exit 1
}
if [ $# -eq 0 ]; then
	set -- $("$cargo" fuzz list --fuzz-dir cli/fuzz)
fi
for target in "$@"; do
	echo "== $target"
	mkdir -p "target/fuzz/corpus/$target" "target/fuzz/artifacts/$target"
	"$cargo" fuzz run --fuzz-dir cli/fuzz --target-dir target/fuzz --sanitizer none "$target" \
		"target/fuzz/corpus/$target" "cli/fuzz/corpus/$target" -- \
		-max_total_time="$seconds" -dict=cli/fuzz/gleak.dict -max_len=32768 -timeout=20 -rss_limit_mb=1024 \
		-artifact_prefix="target/fuzz/artifacts/$target/" -print_final_stats=1 2>&1 |
		grep -E "panicked|^thread|SUMMARY|artifact_prefix|number_of_executed|slowest_unit|peak_rss" || true
	if [ -n "$(ls "target/fuzz/artifacts/$target")" ]; then
		echo "== $target fails: see target/fuzz/artifacts/$target" >&2
		exit 1
	fi
done

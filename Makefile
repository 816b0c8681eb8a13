# What a contributor runs. `make demo` and `make test` need nothing but a Rust toolchain.
CARGO ?= cargo
DEMO  ?= target/demo

.PHONY: help demo test optimised hooks check bless gate loom stress rounds parallel soak fuzz bench counts doc clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: ## a leaking test main, a deadlock, and what the tools say of them
	@CARGO="$(CARGO)" sh docs/demo.sh "$(DEMO)"

test: ## every test
	$(CARGO) build --workspace --all-targets
	$(CARGO) test --workspace --no-fail-fast

optimised: ## the tests of stacks, in an optimised build; and stacks of a stripped one that aborts
	$(CARGO) build --release -p gleak-runtime --examples
	$(CARGO) test --release -p gleak-runtime --lib --test it -- backtraces overflow stacks
	$(CARGO) run --profile bare -q -p gleak-runtime --example whole_stacks | tee target/whole_stacks
	test "$$(grep -c '20 frames more for 20 calls' target/whole_stacks)" = 2

hooks: ## tasks that tokio itself tells of, where its unstable hooks are built
	RUSTFLAGS="--cfg tokio_unstable" $(CARGO) test -p gleak-tokio --test hooks --target-dir target/unstable

check: ## format, lints with warnings denied, docs
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p gleak-runtime --no-default-features -- -D warnings
	$(CARGO) clippy -p gleak-tokio --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

bless: ## rewrite golden files and generated pages
	BLESS=1 TRYBUILD=overwrite $(CARGO) test --workspace

gate: ## our own test suites under our own gate
	rm -rf target/gleak-own
	GLEAK_OUT="$(CURDIR)/target/gleak-own" $(CARGO) test -q -p gleak-test-harness \
		--test green --test of_libtest --test parallel --test parallel_main
	$(CARGO) run -q -p gleak-cli -- gate target/gleak-own --require-run 4

loom: ## model-check the protocols
	RUSTFLAGS="--cfg loom" $(CARGO) test -p gleak-runtime --lib --release --target-dir target/loom

stress: ## the catalogue and the runtime's tests again and again, on a loaded machine (slow)
	sh docs/stress.sh

rounds: ## the catalogue a thousand times over, its programs 200 times (slow): BODIES= PROGRAMS=
	sh docs/rounds.sh $(if $(BODIES),$(BODIES),1000) $(if $(PROGRAMS),$(PROGRAMS),200)

parallel: ## five of sixty-four tests leak, and exactly those fail, in a hundred rounds (slow): PARALLEL=
	$(CARGO) build -p gleak-test-harness --examples
	PARALLEL=$(if $(PARALLEL),$(PARALLEL),100) $(CARGO) test -p gleak-test-harness --test it -- \
		--nocapture --test-threads=1 exactly_those_that_leak

soak: ## a million walks, ten million collects, a hundred thousand interruptions (minutes)
	SOAK=1 $(CARGO) test --release -q -p gleak-runtime --test soak -- --nocapture --test-threads=1
	SOAK=1 $(CARGO) test --release -q -p gleak-runtime --lib -- --nocapture phantom

fuzz: ## each reader under its fuzzer, a minute each (cargo-fuzz, no nightly): ONLY= SECONDS=
	CARGO="$(CARGO)" sh docs/fuzz.sh $(if $(SECONDS),$(SECONDS),60) $(ONLY)

bench: ## ours beside Go, tokio, may and threads (slow): ONLY= SKIP= ROUNDS= PAIRS= QUICK=1 BLESS=1
	@$(CARGO) run --release -q -p gleak-benches -- $(if $(QUICK),--quick) \
		$(if $(ONLY),--only $(ONLY)) $(if $(SKIP),--skip $(SKIP)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PAIRS),--pairs $(PAIRS)) $(if $(BLESS),--bless)

counts: ## instructions an operation under valgrind, against benches/counts.json: ONLY= BLESS=1
	@$(CARGO) run --release -q -p gleak-benches -- counts $(if $(ONLY),--only $(ONLY)) \
		$(if $(BLESS),--bless)

doc: ## the API documentation
	$(CARGO) doc --workspace --no-deps --open

clean:
	$(CARGO) clean

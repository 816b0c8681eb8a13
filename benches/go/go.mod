module gleak-bench

go 1.27

"""Parts of `scripts/bench_latency`."""

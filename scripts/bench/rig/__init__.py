"""Parts of `scripts/bench/latency`."""

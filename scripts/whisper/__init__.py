"""Parts of `scripts/bench_whisper`."""

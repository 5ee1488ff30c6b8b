"""What `scripts/bench/decoding` runs: one worker per library, each in a process and an environment of its own."""

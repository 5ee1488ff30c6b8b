"""What `scripts/bench/quantizers` is made of; `with_*.py` and `worker.py` run inside the environments of the tools."""

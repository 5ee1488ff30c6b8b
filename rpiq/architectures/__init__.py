"""Which parts of a model are quantized.

In: a model's folder. Out: its stacks of blocks, its processor, and the modules that make its family known.
"""

"""A 4-bit folder becomes a model that runs.

In: a folder. Out: a model of transformers, or a decoder, with packed Linears and their kernels.
"""

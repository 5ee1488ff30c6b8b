"""One quantization, from a source to a finished folder; resumable, within a budget of memory.

In: a folder, rows and a `QuantizationConfig`. Out: a folder and a `Report`.
"""

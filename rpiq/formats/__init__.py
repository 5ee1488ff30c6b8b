"""Between tensors and files; compressed-tensors, packed codes, GGUF.

In: tensors or files. Out: files or tensors, none of them half.
"""

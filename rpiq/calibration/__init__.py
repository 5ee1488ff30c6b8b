"""What a model is run on while it is quantized.

In: text or pictures with questions. Out: rows of token ids and of a processor's tensors.
"""

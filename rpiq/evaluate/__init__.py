"""What is left of a model after quantization, measured: perplexity, the sentiment of tweets, questions about pictures.

In: a folder, full precision or 4 bits alike, and data. Out: figures.
"""

"""What is left of a model after quantization, measured: perplexity, the sentiment of tweets, questions about pictures.

Models come from `rpiq/runtime/loading.py`, full precision and 4 bits alike; nothing here knows which it has.
"""

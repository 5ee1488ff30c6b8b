"""What is left of a model after quantization, measured: perplexity and the sentiment of tweets.

Models come from `rpiq/loading.py`, full precision and 4 bits alike; nothing here knows which it has.
"""

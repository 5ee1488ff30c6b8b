"""Sound as values: samples, their rate, mixing, signals. No device, no words.

In: samples. Out: samples.
"""

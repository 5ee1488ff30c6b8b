"""Models that run on this machine: one that sees pictures, one that judges texts.

In: a picture and a question, or texts. Out: pieces of text, or scores.
"""

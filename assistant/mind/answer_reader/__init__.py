"""A small language model that reads a page for the words that answer a question.

In: a question and a `Page`. Out: an `Opinion`: words of the page with how likely each is, yes, no, or that it is not there.
"""

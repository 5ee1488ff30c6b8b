"""Pages that do not exist, with their sentences, tables and pairs known: to measure how well structure is found.

In: a kind, a seed and fonts. Out: a `Sheet`, as lines with their boxes or as pixels.
"""

"""Kinds of written forms and how each is said: rules, a list for each kind, applied in order by `pronounce.py`.

In: text as printed. Out: `RULES` of each module, patterns and what is said for them.
"""

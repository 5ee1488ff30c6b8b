"""What belongs together on a page: order, sentences, headings, lists, pairs, tables, groups. Geometry and the look of text, no words.

In: lines with their boxes. Out: blocks in reading order, and a `Structure`.
"""

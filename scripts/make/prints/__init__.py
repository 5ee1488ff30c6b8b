"""Pages of many kinds of print with questions whose answers are known: what the reader of answers is trained on.

In: kinds of print as data (`kinds/`). Out: `Made` pages as a reader of text would find them, each with its questions.
"""

"""What is meant by what was said.

In: words. Out: an `Intent` (a command, or about a picture), and of a question its `Question`.
"""

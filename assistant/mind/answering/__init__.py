"""Who answers (codes, print, the picture model, a refusal), and the words of the answer.

In: an `Intent` and what was `Seen`. Out: `Answer`s, part by part.
"""

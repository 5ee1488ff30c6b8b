"""The span of a page that answers a question, or none.

In: a `Question` and a `Page`. Out: an `Answer` with the lines it stands in.
"""

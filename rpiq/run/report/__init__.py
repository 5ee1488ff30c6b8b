"""What a run was, to be looked at.

In: a finished folder, or two. Out: a page, drawings, a comparison.
"""

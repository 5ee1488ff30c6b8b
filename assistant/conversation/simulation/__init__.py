"""A conversation in counted time, for tests and for hearing what a change does.

In: a script. Out: everything that happened, with its time.
"""

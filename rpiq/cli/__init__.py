"""The command `rpiq`.

In: a command line. Out: calls of the library, and what they found, for people and as JSON.
"""

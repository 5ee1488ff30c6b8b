"""From words to sound: the sentences that are said, how they are pronounced, the voices.

In: words. Out: a `Sound` for each sentence.
"""

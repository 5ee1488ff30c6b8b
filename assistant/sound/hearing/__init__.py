"""From samples to events and words: where somebody speaks, whether the wake word was said, what was said.

In: blocks of samples. Out: `Woken`, `Speech...` events, an `Utterance`.
"""

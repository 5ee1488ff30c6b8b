"""Who is there and what they share: their sessions, uploads, place in the line, the device's voice.

In: a request that the door let in. Out: values for the conversation, and what it answers.
"""

"""What follows from what: by ear (`dialogue.py`), and in turns over the web (`exchange.py`).

In: events and words. Out: decisions: what is said, looked at, worked on.
"""

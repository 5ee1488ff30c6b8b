"""The web: a page for the person who asks, a console for the caregiver, an API for programs, on one port of this machine.

In: requests. Out: pages, answers, sound.
"""

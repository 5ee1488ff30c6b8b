"""Ways to talk beside the wake word: the terminal's keys, a button or pedal, a socket, HTTP on this machine.

In: key presses and lines from a socket. Out: events.
"""

"""Hardware: cameras, microphones, loudspeakers, and the watchdog that brings them back.

In: hardware. Out: frames, samples, events.
"""

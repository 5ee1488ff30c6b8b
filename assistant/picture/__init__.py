"""From a file or a frame to a `Photo`, its quality, and the `Page` that is read in it.

In: pixels. Out: `Seen`: the photo, the gate's judgement, lines with boxes in reading order.
"""

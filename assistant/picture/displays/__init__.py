"""Displays of segments: known as such, and read a second time, so that no point and no minus sign is invented or lost.

In: a photo and the page that was read in it. Out: the page with its displays, and with doubt where the two readers differ.
"""

"""Print, found and recognised: which way it stands, which reading of a line is believed, which letters make a word.

In: a photo. Out: a page of lines, each with its words, places and confidences.
"""

"""Everything that can be chosen, with its bounds and reasons.

In: values somebody wrote. Out: `Preferences` that are right, or an error that names the line.
"""

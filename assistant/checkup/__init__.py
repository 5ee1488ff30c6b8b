"""What this machine lacks, in words: models, devices, settings, what leaks.

In: the machine. Out: findings, each with what to do.
"""

"""The models of a profile, opened when first needed (`opening.py`); on this machine (`local`) or another (`remote`).

In: names of a profile. Out: what `ports.engines` asks for.
"""

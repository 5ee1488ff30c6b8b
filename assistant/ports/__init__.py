"""What the conversation may ask of the world, of engines and of devices, as Protocols; and the events that come back.

In: values of sound and picture. Out: types that the rooms above meet at, so that none of them has to know another.
"""

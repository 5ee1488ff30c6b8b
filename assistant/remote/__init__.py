"""Engines on another machine of one's own network, behind the OpenAI API: which addresses may be asked, how, and two engines.

Nothing is opened here unless the settings name such a server; what becomes of a server that fails is left to `ask.py`.
"""

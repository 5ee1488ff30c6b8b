"""The Gradio application at /setup: an *Ask* tab, and the caregiver's console. Everything it does the command line does too.

Whatever takes long or touches a device runs as a command of its own (`child.py`, `work.py`). Nothing is uploaded to Gradio, whose
files every visitor could read: pictures and recordings go to our own API, and stay in memory. `mount.py` puts it into the server.
"""

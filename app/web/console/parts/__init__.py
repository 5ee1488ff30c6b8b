"""What the console's tabs are made of: labelled controls, text without scripts, panels of long work and its commands.

In: rules of the settings, lines of JSON from a command. Out: components of Gradio.
"""

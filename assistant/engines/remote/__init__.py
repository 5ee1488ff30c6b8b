"""Models on another machine of the own network; nothing of it is loaded unless the settings name a server.

In: a question. Out: an answer from the server, or a ServerError in words.
"""

"""Who and what may come in: hosts, rates, sizes, passwords, certificates; and the words of every refusal.

In: a connection. Out: a request that may be answered, or a refusal.
"""

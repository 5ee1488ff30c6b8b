"""Entry points: the command line (and later the web page), wiring real devices to the assistant; no logic."""

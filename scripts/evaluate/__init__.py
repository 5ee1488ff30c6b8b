"""How often the assistant is right, on the evaluation data."""

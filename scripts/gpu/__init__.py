"""What needs a GPU, with its measurements."""

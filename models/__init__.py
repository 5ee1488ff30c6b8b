"""Which models exist, where they come from, and how to verify and open them."""

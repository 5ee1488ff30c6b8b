"""The paper's tables, measured anew."""

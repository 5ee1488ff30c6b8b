"""Makes what lies in the repository or is needed by others: models, covers, screenshots, rows of the catalogue."""

"""A micro CogVLM2: generated book covers, questions about them, a tokenizer, and the training of a model that answers."""

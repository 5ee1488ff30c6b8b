"""The conversation: from sound and pictures to spoken answers."""

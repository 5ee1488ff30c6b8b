"""From a question and what was read to an answer that stands on the page."""

"""From words and a page to an answer that stands on the page: `understanding`, then `finding`, then `answering`."""

"""Models of a known shape with random weights, for what depends on shapes alone."""

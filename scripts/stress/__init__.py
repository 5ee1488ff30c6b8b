"""What breaks, and what comes back: kills, faults, hours of talk, many browsers."""

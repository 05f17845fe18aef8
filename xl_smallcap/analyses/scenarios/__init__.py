"""Scenarios: what a path means, how believable it is, and what must be true."""

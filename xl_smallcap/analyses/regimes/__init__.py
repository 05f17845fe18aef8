"""Regimes: what goes in, which one it is, and what such statements were worth."""

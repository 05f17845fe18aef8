"""A user's own workbook: read, recalculated, and its stored values brought up to date; every other byte stays."""

"""Arrays in, frozen results out: no files, no cells, no global state."""

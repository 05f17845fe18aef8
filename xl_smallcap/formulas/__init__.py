"""A small calculator of cells: enough for our own workbooks and for foreign cells that need only our functions."""

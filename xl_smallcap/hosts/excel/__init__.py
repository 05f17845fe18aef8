"""Excel on Windows through classic xlwings (the free part): wrappers, our VBA, and workbooks that hold it."""

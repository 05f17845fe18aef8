"""Files as people really have them, in every way in: load, --add, a workbook, a refresh."""

"""A workbook file: its package of parts, small edits of their XML, A1 references."""

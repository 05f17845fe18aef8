"""The workbook we ship, pitch sheets, what the demo writes, and the refresh of workbooks of others."""

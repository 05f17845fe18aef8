"""Builders of the workbook we ship and of what the demo writes."""

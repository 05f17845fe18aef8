"""A headless LibreOffice, driven from our Python."""

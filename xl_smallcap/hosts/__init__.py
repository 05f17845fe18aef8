"""Where a cell asks: Excel, LibreOffice, the loopback server. None of them knows mathematics."""

"""LibreOffice Calc: the add-in, its package and installation, and a headless office to drive."""

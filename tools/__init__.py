"""Developer tools: regenerate what is generated."""

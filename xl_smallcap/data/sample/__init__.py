"""The embedded synthetic sample and the script that makes it."""

"""The embedded synthetic sample; tools/make_sample.py makes it."""

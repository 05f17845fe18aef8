"""Calls, formulas, files and workbooks that nobody would make, by chance from a seed: each an answer or a sentence."""

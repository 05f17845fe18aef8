"""Arithmetic over all windows, draws or targets at once, plain numpy; each kernel has its obvious twin in tests.

Arrays run over windows (or draws, or targets) along their last axis, so that every step is one long vector operation.
"""

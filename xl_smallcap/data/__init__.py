"""Where data come from, how they are kept, and the aligned panel a model sees."""

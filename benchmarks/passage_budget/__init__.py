"""What `passage_budget` saves in long contexts, and what it does to the checks."""

"""The models of the cascade and what they report."""

"""`automix collect`: outcomes from questions."""

"""`automix convert`: outcomes from one form of file to the other."""

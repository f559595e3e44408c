"""`automix evaluate`: a policy on outcomes."""

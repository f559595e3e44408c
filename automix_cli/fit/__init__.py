"""`automix fit`: a policy from outcomes."""

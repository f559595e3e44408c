"""`automix doctor`: what is installed and what works."""

"""`automix explain`: the rule of a saved policy."""

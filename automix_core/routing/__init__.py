"""One call: the procedure, its effects, and the record it leaves with tokens and prices."""

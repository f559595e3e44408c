"""`automix watch`: has the traffic drifted from what a policy was fitted on?"""

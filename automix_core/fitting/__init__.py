"""From recorded outcomes to a policy (numpy): estimate a decision problem, solve it, say what to expect."""

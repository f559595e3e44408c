"""Recorded questions with every model's outcome: what policies are fitted and measured on."""

"""Audits: for a share of calls the other models are asked too, afterwards, and the outcome is kept."""

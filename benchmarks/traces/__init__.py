"""Traces of real calls, as they reach a collector, and their pictures."""

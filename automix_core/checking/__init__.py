"""Checking a draft: the prompt, the query it is about, reading a verdict, and what came of it."""

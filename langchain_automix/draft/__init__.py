"""Drafts that are not plain text: structured output and tool calls."""

"""The user's own system, asked in place of endpoints."""

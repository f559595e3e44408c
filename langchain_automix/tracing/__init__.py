"""What runs beneath a call reports: its runs, its tokens, its record."""

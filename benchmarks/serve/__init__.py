"""The endpoint under load: what it adds to a call, and how many calls it carries."""

"""The provider matrix."""

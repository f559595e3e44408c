"""The models of the cascade, as they are asked."""

"""A cascade described in a TOML file, for whoever collects, serves or asks."""

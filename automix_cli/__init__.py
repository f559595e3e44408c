"""The command `automix`. What stands here is imported by nobody: only the commands and their options are promised."""

__all__: list[str] = []

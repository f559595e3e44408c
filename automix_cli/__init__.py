"""The command line of AutoMix: `automix demo`, `collect`, `fit`, `evaluate`, `explain`, `doctor`."""

__all__: list[str] = []

"""The face: `AutoMixLLM`."""

"""What a call asks of each model, whichever method it came through."""

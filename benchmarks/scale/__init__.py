"""What fitting and collecting take at scale: memory and seconds by outcomes, rows a second by workers."""

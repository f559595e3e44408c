"""What becomes of a question when one of its steps breaks, in each framework and way of asking."""

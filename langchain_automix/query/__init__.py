"""What is asked: the question and its context, found in messages."""

"""What is asked: the question and its context, found in templates and messages."""

"""Has the traffic drifted? Tests that may be looked at after every call and keep their false-alarm rate."""

"""Pages as a person's browser shows them: a real Chromium, where this machine has one."""

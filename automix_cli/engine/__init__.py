"""The embedded engine: llama.cpp's server in a child process."""

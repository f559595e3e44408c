"""Attacks: forged verdict lines, data that leaves its block, drafts that hide something, documents that talk."""

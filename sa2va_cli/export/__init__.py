"""Data formats for other programs, one per file."""

"""The families of Sa2VA checkpoints: one file for each, and a table that joins them.

Importing any of it is instant: torch and the networks are imported when sizes are read.
"""

"""Readers of data sets of referring segmentation: one file for each format, one row in ``table.py``."""

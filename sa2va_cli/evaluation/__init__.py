"""Scores on arrays: J&F, cIoU, gIoU."""

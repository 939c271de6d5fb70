"""Pure functions that draw on arrays: the only folder that draws (OpenCV)."""

"""Scores of masks and alphas on data sets, by the rules of the official scripts or without their faults."""

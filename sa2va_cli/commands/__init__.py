"""The terminal: parse, one call, report."""

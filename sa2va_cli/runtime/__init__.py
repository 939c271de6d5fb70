"""Where and how a network runs: device, precision, memory, loading."""

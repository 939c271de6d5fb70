"""What the network found, as a file: the log that everything after it is a function of."""

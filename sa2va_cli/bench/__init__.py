"""How fast each stage of a run is on a machine, and how near that is to what the machine can do."""

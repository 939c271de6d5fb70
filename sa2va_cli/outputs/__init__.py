"""What a run makes: kinds of output, their names, and what is there already."""

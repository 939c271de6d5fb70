"""Many inputs in one go: jobs, what is known of each, and the workers that do them."""

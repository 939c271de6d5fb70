"""From a job to finished files: the whole story in one place."""

"""The local page: a server of clips, and of what is done with them, for a browser on the same computer."""

"""What is to be changed in a clip: plans of edits, and how sentences, options and files become one."""

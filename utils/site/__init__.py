"""Pages to read without running: the executed solutions, with the answers folded."""

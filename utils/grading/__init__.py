"""The judge: marks submitted notebooks in a way that their code cannot reach."""

"""What the chapters share: one module per role. The README's map says which is for what."""

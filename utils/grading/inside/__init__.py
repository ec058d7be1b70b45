"""What runs inside the sandbox, and all of the course that it sees, with `utils.attempts`: no reference, no mark."""

"""For who teaches with the course: is a machine ready, routes through it with a clock, and pages beside this file."""

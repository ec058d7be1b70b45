"""The board of a workshop: what a room believes, while it happens. Learners send signs, and two pages show them."""

"""What comes in: the descriptors that lines are read from, and what one line means."""

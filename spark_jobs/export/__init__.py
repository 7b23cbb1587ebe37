"""What leaves the lake."""

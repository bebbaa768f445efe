"""Plan -> Inputs: what the project needs from outside, each by content hash."""

"""A vendor's BSP: its layers are found, read by BitBake, and made into boards."""

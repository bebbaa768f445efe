"""A new model or app for a running device: keys, signed bundles, and the way there."""

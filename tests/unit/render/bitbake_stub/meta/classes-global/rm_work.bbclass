# Known by name.

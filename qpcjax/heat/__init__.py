"""Where the heat of hot electrons appears: damping laws, free paths and the hot spot."""

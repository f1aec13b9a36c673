"""Programs from elsewhere that tools and tests run."""

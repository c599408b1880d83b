"""What is known of secrets without their values: pure, from metadata and what stores report."""

"""What packets do, measured with short-lived pods, beside what the declaration says."""

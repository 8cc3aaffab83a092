"""Many runs trained by one compiled program, and how many are worth it."""

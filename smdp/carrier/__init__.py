"""What a mock carrier does: issues profiles, hands them out once, activates plans, and says why or why not."""

"""smdp: a mock mobile carrier and simulated Apple devices, for testing Refresh Mobile Data Plans."""

"""Props for showing the product: the story that `smdp demo` tells."""

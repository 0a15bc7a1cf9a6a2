"""Many devices at once, over the control API: `mix` says which, `life` what each does, `board` how far they are."""

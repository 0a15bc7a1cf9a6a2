"""aiohttp adapters: decode, call the carrier, encode. Nothing is decided here."""

"""Loopback model servers that speak the providers' wire formats, and what to check against them."""

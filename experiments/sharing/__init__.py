"""What workers of every kind share: leases, the pictures' bytes, and one loop."""

"""Peers written anew in PyTorch, to be timed beside ours; not in the wheel."""

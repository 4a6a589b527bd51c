"""What the editing binaries share: codes, directions, rendering, sheets, films."""

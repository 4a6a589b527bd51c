"""What trainings leave behind, and their stages."""

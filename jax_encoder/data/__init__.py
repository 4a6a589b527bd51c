"""Pictures as arrays: procedural faces, datasets, augmentation."""

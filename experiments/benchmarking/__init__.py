"""What `experiments.benchmark` is made of: cases, workloads, timing, reports."""

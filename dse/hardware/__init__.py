"""What a workload may run on: designs, spaces, technology and what they cost."""

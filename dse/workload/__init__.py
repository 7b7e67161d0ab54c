"""What runs: layers lowered to the operations that the cost model knows."""

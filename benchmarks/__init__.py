"""What `make bench` measures, each part against a peer in the same run."""

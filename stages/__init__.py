"""One Typer script per DVC stage: read inputs, call the library, write outputs and metrics."""

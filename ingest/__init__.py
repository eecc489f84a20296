"""What brings readings in: sources, the pipeline to the database, the simulated plant."""

"""The parts that a pipeline is made of, as child processes with logs: for the demonstration and the tests."""

"""Videos and pictures: opened, probed, sampled; decoded in a child process that is not trusted."""

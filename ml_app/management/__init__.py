"""What the commands share: files of the command line, dumps of the database, pruning."""

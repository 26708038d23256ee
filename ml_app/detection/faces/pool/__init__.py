"""The processes that look for faces, and the memory they share with ours."""

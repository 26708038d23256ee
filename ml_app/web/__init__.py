"""The pages: views, forms, addresses, and the words and drawings that only pages need."""

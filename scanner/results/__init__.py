"""Result lines: the file they are written to, the table they are read into, and other formats of them."""

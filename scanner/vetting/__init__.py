"""`dnsscan resolvers`: what each resolver of a list is worth, before it is asked for names."""

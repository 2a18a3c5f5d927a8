"""The trial's report: what a month of one unit says, from the database alone."""

//! One scenario in each test, by the rows of the table of what was seen.



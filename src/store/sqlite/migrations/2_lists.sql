-- What lists add: indexes on what never changes, so that a transition pays nothing for them.

CREATE INDEX head_institution ON head (institution);
CREATE INDEX application_email ON application (applicant_email);

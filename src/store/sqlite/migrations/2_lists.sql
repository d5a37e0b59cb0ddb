-- What lists add ({prefix}: see schema.rs): indexes on what never changes, so that a transition
-- pays nothing for them.

CREATE INDEX {prefix}head_institution ON {prefix}head (institution);
CREATE INDEX {prefix}application_email ON {prefix}application (applicant_email);

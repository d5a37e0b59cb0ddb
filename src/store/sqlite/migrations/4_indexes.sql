-- Indexes of what the delivery of events adds.

CREATE INDEX {prefix}webhook_institution ON {prefix}webhook (institution);
-- What goes to one webhook about one application, in order.
CREATE UNIQUE INDEX {prefix}delivery_lane ON {prefix}delivery (application, webhook, event);
-- What is to be claimed for one webhook, what is due at which time, what was delivered when, and the rest. They are
-- gone through from one webhook to the next, so that one for which there is nothing in such a state costs nothing. For a
-- list of three states, SQLite would build a table in each statement that writes.
CREATE INDEX {prefix}delivery_new ON {prefix}delivery (webhook) WHERE state = 0;
CREATE INDEX {prefix}delivery_later ON {prefix}delivery (webhook, at) WHERE state = 1;
CREATE INDEX {prefix}delivery_delivered ON {prefix}delivery (webhook, at) WHERE state = 2;
CREATE INDEX {prefix}delivery_dead ON {prefix}delivery (webhook, state) WHERE state NOT BETWEEN 0 AND 2;
CREATE INDEX {prefix}attempt_delivery ON {prefix}attempt (delivery);
CREATE INDEX {prefix}attempt_at ON {prefix}attempt (at);

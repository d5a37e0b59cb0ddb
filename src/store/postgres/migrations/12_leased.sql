-- A delivery that is leased for the first time stays new, and this says until when. So its row is written anew
-- without an index that changes, and stays on its page, which keeps room for it. An expansion: programs of version 11
-- go on working, but claim such a delivery again.

ALTER TABLE certlife_delivery ADD COLUMN leased_until bigint;   -- milliseconds since 1970; only where the state is 0
ALTER TABLE certlife_delivery SET (fillfactor = 45);

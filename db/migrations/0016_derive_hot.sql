-- What the ordinary second of derivation needs: see db/derive_forward.sql.

-- The newest count that the row of the minute in which `upto` lies knows; null: none yet. What comes
-- later is added to the row, what comes before it has the minute counted anew.
alter table derive_tail add column counted timestamptz;

-- A note a reading: the machine's row need not be locked for each.
alter table derive_dirty drop constraint derive_dirty_machine_id_fkey;

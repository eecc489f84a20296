-- Up to where the continuous aggregates are known to have taken in all there is, whatever became of
-- their policies. The refresher moves it on hour by hour (db/rollups.py).
-- only: community
create table rollup_settled (
    level       text primary key,        -- made from facts; those above it follow
    source      text not null,
    upto        timestamptz not null
);
insert into rollup_settled values
    ('tag_1m', 'reading', '-infinity'), ('machine_15m', 'machine_1m', '-infinity');
-- only: all

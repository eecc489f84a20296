-- Stops: a tree of reasons, what operators say of stops, and the stops that follow from both.

alter table reason
    add column parent_id integer references reason,
    add column element element,                      -- what such a stop is; null: what the machine said
    add column position integer not null default 0;  -- in the plant file

-- Facts: what people said of stops. Appended, never rewritten; of edits that overlap, the last counts.
create table stop_edit (
    id          bigint generated always as identity primary key,
    key         text not null unique,          -- the sender's mark: the same entry twice is one
    machine_id  integer not null references machine,
    kind        text not null check (kind in ('assign', 'split', 'merge', 'comment', 'withdraw')),
    t0          timestamptz not null,          -- of a split: where the stop is cut
    t1          timestamptz not null,          -- of a split: the same
    is_open     boolean not null default false, -- assign: on to the end of the state that t1 lies in
    reason_id   integer references reason,
    comment     text,
    actor       text not null,
    at          timestamptz not null,          -- plant time at which it was said
    supersedes  bigint references stop_edit,   -- of a withdrawal: what no longer counts
    check (t1 > t0 or (kind = 'split' and t1 = t0)),
    check ((kind = 'assign') = (reason_id is not null)),
    check ((kind = 'withdraw') = (supersedes is not null)),
    check (kind <> 'comment' or comment <> '')
);
create index stop_edit_by_machine on stop_edit (machine_id, t1);
create unique index stop_edit_withdrawn on stop_edit (supersedes);

create view stop_edit_active as
select e.* from stop_edit e
where e.kind <> 'withdraw' and not exists (select from stop_edit w where w.supersedes = e.id);

-- Derived from state_interval and stop_edit: each stop once, merged ones as one.
create table stop_span (
    machine_id  integer not null references machine,
    t0          timestamptz not null,
    t1          timestamptz check (t1 > t0),   -- null: it goes on
    element     element not null,              -- of the reason, else what the machine said
    reason_id   integer references reason,
    said_by     text check (said_by in ('machine', 'operator')),  -- who gave the reason
    is_minor    boolean not null,              -- over within less than micro_stop_s
    between_s   double precision not null,     -- between the parts of a merged stop: no stop
    primary key (machine_id, t0)
);
create index stop_span_by_time on stop_span (t0);
create index stop_span_open on stop_span (machine_id) where t1 is null;

insert into stop_span (machine_id, t0, t1, element, reason_id, said_by, is_minor, between_s)
select i.machine_id, i.t0, case when i.is_open then null else i.t1 end, i.state, i.reason_id,
       case when i.reason_id is not null then 'machine' end,
       not i.is_open and i.state in ('down', 'idle', 'starved', 'blocked')
           and i.t1 - i.t0 < make_interval(secs => m.micro_stop_s),
       0
from state_interval i join machine m on m.id = i.machine_id
where i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked');

-- Stops as everybody reads them. `said`: what the machine said when it stopped.
create view stop as
select s.machine_id, s.t0, s.t1, s.element, s.reason_id, s.said_by, s.is_minor, s.between_s,
       s.element in ('down', 'idle') and s.reason_id is null and not s.is_minor as is_unexplained,
       e.edits, e.newest as edit_id, e.comment
from stop_span s
cross join lateral (
    select count(*) filter (where counts)::integer as edits, max(id) as newest,
           (array_agg(comment order by id desc) filter (where counts and comment <> ''))[1] as comment
    from (
        select id, comment, kind <> 'withdraw' and not exists (
                   select from stop_edit w where w.supersedes = e.id) as counts
        from stop_edit e
        where machine_id = s.machine_id and t1 >= s.t0 and t0 < coalesce(s.t1, 'infinity')
          and (t1 > s.t0 or kind = 'split')
    ) said
) e;

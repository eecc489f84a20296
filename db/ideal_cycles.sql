-- name: turn
-- The first version holds since ever; a changed one since it says, else from now on; one that is gone
-- from the file ends now. What was to begin later is superseded. Returns where cycles changed.
with stated as (
    select machine.id as machine_id, product.id as product_id, r.seconds,
           coalesce(r.since, %(now)s) as at
    from jsonb_to_recordset(%(rows)s)
        as r (machine text, product text, seconds double precision, since timestamptz)
    join machine on machine.code = r.machine
    join product on product.code = r.product
),
given as (
    select * from stated
    union all
    select distinct machine_id, product_id, null::double precision, %(now)s::timestamptz
    from ideal_cycle i
    where not exists (
        select from stated s where s.machine_id = i.machine_id and s.product_id = i.product_id)
),
superseded as (
    delete from ideal_cycle i using given g
    where i.machine_id = g.machine_id and i.product_id = g.product_id and i.valid_from > g.at
    returning i.machine_id, i.product_id, i.valid_from
),
in_force as (
    select distinct on (g.machine_id, g.product_id) g.machine_id, g.product_id, i.seconds, true as known
    from given g
    join ideal_cycle i on i.machine_id = g.machine_id and i.product_id = g.product_id
        and i.valid_from <= g.at
    order by g.machine_id, g.product_id, i.valid_from desc
),
added as (
    insert into ideal_cycle (machine_id, product_id, valid_from, seconds)
    select g.machine_id, g.product_id, case when f.known then g.at else '-infinity' end, g.seconds
    from given g
    left join in_force f using (machine_id, product_id)
    where f.seconds is distinct from g.seconds
    on conflict (machine_id, product_id, valid_from) do update set seconds = excluded.seconds
    returning machine_id, product_id, valid_from
)
select machine_id, product_id, valid_from = '-infinity', nullif(valid_from, '-infinity')
from (select * from added union all select * from superseded) changed
where valid_from < %(now)s
order by machine_id, product_id, valid_from

-- name: first_made
-- Since when a product, whose ideal cycle was not known until now, has been made on a machine.
select greatest(min(o.started_at), (select min(t0) from state_interval where machine_id = o.machine_id))
from operation o
where o.machine_id = %(machine_id)s and o.product_id = %(product_id)s
group by o.machine_id
having min(o.started_at) is not null
   and exists (select from state_interval where machine_id = o.machine_id)

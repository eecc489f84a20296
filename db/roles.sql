-- name: roles
select rolname::text from pg_roles where rolname = any (%(names)s);

-- name: make_role
create role {role} nologin;

-- name: is_prepared
select to_regnamespace('report') is not null;

-- name: rollups_of_others
select c.relname::text
from pg_class c join pg_roles o on o.oid = c.relowner
where c.relnamespace = 'public'::regnamespace and c.relname = any (%(rollups)s) and o.rolname <> %(owner)s;

-- name: relations
-- Tables and views of the site; partitions go by their parent.
select n.nspname || '.' || c.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'report') and c.relkind in ('r', 'p', 'v') and not c.relispartition
  and not exists (select from pg_depend d
                  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- name: held
select g.rolname::text, n.nspname || '.' || c.relname, a.privilege_type
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral aclexplode(c.relacl) a
join pg_roles g on g.oid = a.grantee
where n.nspname in ('public', 'report') and g.rolname = any (%(names)s) and c.relowner <> g.oid;

-- name: grant
grant {verbs} on {relation} to {role};

-- name: revoke_all
revoke all on {relation} from {role};

-- name: use_reports
grant usage on schema report to {role};

-- name: functions_for_all
-- They work with the owner's rights: nobody calls them who was not given that. A new function is for
-- everybody, and so is one that came back from a backup.
select oid::regprocedure::text from pg_proc
where pronamespace = 'public'::regnamespace and proname in ('partition_make', 'partition_drop')
  and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0);

-- name: close
revoke execute on function {function} from public;

-- name: functions
select oid::regprocedure::text from pg_proc
where pronamespace = 'public'::regnamespace and proname in ('partition_make', 'partition_drop')
  and not has_function_privilege(%(role)s, oid, 'execute');

-- name: execute
grant execute on function {function} to {role};

-- name: setting_policies
-- And the statement that made each of them, where that is known: see `remember_policy`. All of ours
-- are permissive: a log-in in two roles may do what either may.
select polname::text, obj_description(oid, 'pg_policy')
from pg_policy where polrelid = 'setting'::regclass;

-- name: drop_policy
drop policy if exists {policy} on setting;

-- name: remember_policy
comment on policy {policy} on setting is {made};

-- name: see_what_is_no_key
create policy {policy} on setting for select using (key <> 'web_secret_key');

-- name: see_own_key
create policy {policy} on setting for select to {role} using (true);

-- name: add_own_settings
create policy {policy} on setting for insert to {role} with check (key = any ({keys}));

-- name: change_own_settings
create policy {policy} on setting for update to {role} using (key = any ({keys}));

-- name: join
grant {owner} to current_user, {member};

-- name: let_create
grant create on schema {schema} to {owner};

-- name: hand_over
alter materialized view {rollup} owner to {owner};

-- name: no_longer_create
revoke create on schema {schema} from {owner};

-- name: let_read
grant select on reading, machine_1m to {owner};

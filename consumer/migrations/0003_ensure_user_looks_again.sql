-- Returns the row of a user, and inserts it first if the first request after the sign-up is quicker than the pipeline.
--
-- Replaces the function of step 2, which failed with 23505 when an application had made another column of `users` unique
-- and the consumer inserted the same user at that moment.
--
-- The application calls it with the claims of an ID token that it has verified. docs/first-request.md says when, and
-- has the same function for a table with other names.
--
-- It runs with the caller's rights, so it gives nobody more than the grants on `users` do, and `execute` stays with
-- everybody.

-- For the rest of this step the search path is the one that the function keeps: it finds the table of the first step
-- whatever the caller's path says, and a temporary table comes last. The function is replaced there too, and not made a
-- second time in a schema that has been put before it since.
select set_config('rollcall.search_path', current_setting('search_path'), true),
       set_config('search_path', format('%s, pg_temp', relnamespace::regnamespace), true)
from pg_class where oid = 'users'::regclass;

create or replace function ensure_user(sub uuid, email text, first_name text, last_name text) returns users
language plpgsql volatile security invoker
set search_path from current
as $$
declare
    person users;
begin
    if ensure_user.sub is null then
        raise exception 'ensure_user needs a sub' using errcode = 'null_value_not_allowed';
    end if;
    -- Each statement of a volatile function sees what was committed before it began. So when the insert meets the row of
    -- another transaction, the next select finds that row, unless it has been deleted in between: then the insert makes
    -- it again. In a repeatable read transaction the insert fails with 40001 instead, and the caller retries.
    for attempt in 1..3 loop
        -- The row is nearly always there. A plain select takes no row lock and no transaction id, and a replica can run it.
        select u.* into person from users u where u.cognito_sub = ensure_user.sub;
        if found then
            return person;
        end if;
        begin
            -- As the consumer inserts it: an attribute without a text is null.
            insert into users as u (cognito_sub, email, first_name, last_name, is_active)
            values (ensure_user.sub, nullif(ensure_user.email, ''), nullif(ensure_user.first_name, ''),
                    nullif(ensure_user.last_name, ''), true)
            on conflict (cognito_sub) do nothing
            returning u.* into person;
            if found then
                return person;
            end if;
        exception when integrity_constraint_violation then
            -- Not yet a proof that this user has no row. The same row can be committed after the insert has looked for
            -- its key and before it meets the address, if that has to be unique too. So look again first.
            if attempt = 3 then
                raise;
            end if;
        end;
    end loop;
    -- An empty row would look like a user. A trigger can skip the insert, and a policy can hide the row.
    raise exception 'no row in users for sub %', ensure_user.sub
        using errcode = 'no_data_found', hint = 'A trigger or a row security policy of the table keeps it out.';
end
$$;

-- The history of the steps is where the session's own path finds it.
select set_config('search_path', current_setting('rollcall.search_path'), true);

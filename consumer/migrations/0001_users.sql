-- One row per confirmed Cognito user.
--
-- The key is the `sub`: unique in Cognito, never reassigned, the same on every road an event can take.
-- E-mail is not unique on purpose: Cognito allows two users with one address, and a constraint would lose the second one.
create table users (
    cognito_sub uuid primary key,
    email       text,
    first_name  text,
    last_name   text,
    is_active   boolean     not null default true,
    created_at  timestamptz not null default now()
);

-- The account with whose archiving a portal user lost the right to sign in. News come in any order: when it turns out that
-- the member had gone to another account, the right is given back.
alter table app_user add column left_with uuid;

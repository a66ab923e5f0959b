-- Who relies on a pending reservation: attempts to complete its sale, each by an id of its own. The stock is free when
-- the last of them lets go. Empty in what a binary from before this migration wrote: nobody known.
alter table reservation add column holders uuid[] not null default '{}';

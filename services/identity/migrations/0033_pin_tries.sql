-- When each of the tries that failed was, so that five within any quarter of an hour are seen. Failures without a time were
-- counted by a binary that keeps only when the first of them was.
alter table pin add column failed_at timestamptz[] not null default '{}';
alter table till add column failed_at timestamptz[] not null default '{}';

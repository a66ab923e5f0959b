-- The request by which a sale came about, as a hash: whoever sends the same again under another key gets the sale, not a
-- refusal. Absent for sales from before.
alter table sale add column request_hash bytea;

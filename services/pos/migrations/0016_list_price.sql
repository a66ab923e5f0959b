-- What the product cost when the line was rung up, so that another price shows. Absent for an open item, and in lines from
-- before.
alter table sale_line add column list_price bigint;

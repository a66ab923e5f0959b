-- Who vouches for a till: the trust goes with whoever gave it. Of tills from before nobody knows; their trust ends by itself
-- within twelve hours.
alter table till
    add column trusted_by uuid,
    add constraint till_trusted_by_fkey foreign key (trusted_by) references app_user;
create index till_trusted_by on till (trusted_by);

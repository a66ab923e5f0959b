-- Who may be known already is also known by an account's contacts and by further numbers.
create index contact_email on contact (lower(email)) where email is not null;
create index contact_phone_tail on contact (phone_tail(phone_e164)) where phone_e164 is not null;
create index phone_number_tail on phone_number (phone_tail(e164));

-- Files of members. Their bytes are kept elsewhere, by the file's id.

-- Whose bytes there may be. It is written before the bytes are kept and removed after they are gone, so that none is
-- forgotten whatever breaks in between.
create table file_bytes (
    file_id      uuid        primary key,
    -- From when on they may be removed; null while a file has them.
    removable_at timestamptz
);
create index file_bytes_removable on file_bytes (file_id) where removable_at is not null;

alter table identity_document add constraint identity_document_member_key unique (id, member_id);

create table file (
    id                   uuid        primary key,
    member_id            uuid        not null,
    purpose              text        not null,
    name                 text        not null,
    content_type         text        not null,
    size_bytes           bigint      not null,
    sha256               text        not null,
    identity_document_id uuid,
    version              bigint      not null default 1,
    created_at           timestamptz not null default now(),
    constraint file_id_fkey foreign key (id) references file_bytes (file_id),
    constraint file_member_id_fkey foreign key (member_id) references member (id),
    -- The scan goes in the transaction in which its document goes.
    constraint file_identity_document_fkey foreign key (identity_document_id, member_id)
        references identity_document (id, member_id) deferrable initially deferred,
    constraint file_purpose_check check (purpose in ('photo', 'document', 'form')),
    constraint file_name_check check (length(name) between 1 and 200),
    constraint file_content_type_check check (content_type in
        ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')),
    constraint file_photo_check check (purpose <> 'photo' or content_type like 'image/%'),
    constraint file_size_bytes_check check (size_bytes between 1 and 10485760),
    constraint file_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
    constraint file_scan_check check (identity_document_id is null or purpose = 'document')
);
create index file_member on file (member_id, created_at, id);
create index file_identity_document on file (identity_document_id) where identity_document_id is not null;
create unique index file_photo_key on file (member_id) where purpose = 'photo';

-- However a file goes, its bytes may go at once.
create function release_file_bytes() returns trigger language plpgsql as $$
begin
    update file_bytes set removable_at = '-infinity' where file_id = old.id;
    return null;
end $$;
create trigger release_file_bytes after delete on file
    for each row execute function release_file_bytes();

do $$
begin
    execute format('grant update, delete on file to %I', current_schema() || '_rt');
    execute format('grant update, delete on file_bytes to %I', current_schema() || '_rt');
end $$;

-- The life of the storage itself: copied from elsewhere, and how it grows.

-- A row here: this database was filled by `db copy`, and a further copy may fill it again.
create table site_copy (
    is_target   boolean primary key check (is_target)
);

-- What each layer takes on the disk, and the disk's own figures, hour by hour: the forecast's facts.
create table storage_sample (
    layer       text not null,           -- raw, minutes, hours, facts; disk_free, disk_size
    at          timestamptz not null,    -- by the wall's clock: a disk knows no other
    bytes       bigint not null,
    primary key (layer, at)
);

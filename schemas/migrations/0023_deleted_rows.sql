-- A lightweight DELETE leaves the rows in projections, and queries that are served from one count them
-- (https://github.com/ClickHouse/ClickHouse/issues/111791). The engine deletes by ALTER TABLE, therefore. Should somebody
-- else use DELETE, the projections of these parts are dropped, and figures stay right.
ALTER TABLE interactions
    MODIFY SETTING lightweight_mutation_projection_mode = 'drop';

-- What expired by such a DELETE leaves the projections, and the disk.
ALTER TABLE interactions
    APPLY DELETED MASK;

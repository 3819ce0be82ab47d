-- For a topic `interactions` that was recreated: its offsets begin at 0 again, while the tables have higher ones of the
-- topic before. This moves the numbers of the old partitions out of the way, {shift} higher; rows stay, and events of
-- them are still recognised when they come again. Every worker must be stopped. See deploy/docs/operate/runbook.md.
--
--   clickhouse-client --database journey --max_table_size_to_drop 0 --param_shift 10000 --queries-file retire_partitions.sql
--
-- shift: 10000 the first time, 20000 the second, at most 50000. Interrupted, it is given again with the same shift:
-- rows that were moved are left alone.

ALTER TABLE interactions UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

ALTER TABLE expired_events UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

ALTER TABLE carried_evidence UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

ALTER TABLE carried_touches UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

ALTER TABLE carried_minutes UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

ALTER TABLE carried_links UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

ALTER TABLE carried_handles UPDATE _partition = _partition + {shift:UInt16} WHERE _partition < 10000
SETTINGS mutations_sync = 2;

-- Where the partition is part of the key, the rows are rewritten.

DROP TABLE IF EXISTS retiring SYNC;
CREATE TABLE retiring AS identity_links;
INSERT INTO retiring SELECT * REPLACE (_partition + if(_partition < 10000, {shift:UInt16}, 0) AS _partition) FROM identity_links;
EXCHANGE TABLES retiring AND identity_links;
DROP TABLE retiring SYNC;

CREATE TABLE retiring AS evidence;
INSERT INTO retiring SELECT * REPLACE (_partition + if(_partition < 10000, {shift:UInt16}, 0) AS _partition) FROM evidence;
EXCHANGE TABLES retiring AND evidence;
DROP TABLE retiring SYNC;

CREATE TABLE retiring AS minute_counts;
INSERT INTO retiring SELECT * REPLACE (_partition + if(_partition < 10000, {shift:UInt16}, 0) AS _partition) FROM minute_counts;
EXCHANGE TABLES retiring AND minute_counts;
DROP TABLE retiring SYNC;

CREATE TABLE retiring AS dead_letters;
INSERT INTO retiring SELECT * REPLACE (_partition + if(_partition < 10000, {shift:UInt16}, 0) AS _partition) FROM dead_letters;
EXCHANGE TABLES retiring AND dead_letters;
DROP TABLE retiring SYNC;

CREATE TABLE retiring AS dead_letter_replays;
INSERT INTO retiring SELECT * REPLACE (letter_partition + if(letter_partition < 10000, {shift:UInt16}, 0) AS letter_partition) FROM dead_letter_replays;
EXCHANGE TABLES retiring AND dead_letter_replays;
DROP TABLE retiring SYNC;

CREATE TABLE retiring AS conflicts;
INSERT INTO retiring SELECT * REPLACE (_partition + if(_partition < 10000, {shift:UInt16}, 0) AS _partition) FROM conflicts;
EXCHANGE TABLES retiring AND conflicts;
DROP TABLE retiring SYNC;

CREATE TABLE retiring AS expiries;
INSERT INTO retiring SELECT * REPLACE (part + if(part < 10000, {shift:UInt16}, 0) AS part) FROM expiries;
EXCHANGE TABLES retiring AND expiries;
DROP TABLE retiring SYNC;

-- Last, since workers go by it: until now they refuse to start.
CREATE TABLE retiring AS deliveries;
INSERT INTO retiring SELECT * REPLACE (_partition + if(_partition < 10000, {shift:UInt16}, 0) AS _partition) FROM deliveries;
EXCHANGE TABLES retiring AND deliveries;
DROP TABLE retiring SYNC;

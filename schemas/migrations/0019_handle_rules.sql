-- By which normalisation rules, and with which regions of phone numbers, handles of these tables may have been hashed.
-- The raw values are not stored, so nobody can hash them again: where rules have changed, the edge also hashes each
-- value in its earlier form. A data directory keeps its rules in its file `rules`. The table has few rows; ORDER BY
-- keeps the rows of one text of rules together, the earliest first, and writing a row twice changes nothing.
CREATE TABLE handle_rules
(
    at    DateTime64(6, 'UTC')       COMMENT 'When an edge began to hash by them',
    rules String                     COMMENT 'Version, and the regions of national phone numbers; empty: the store began with version 2'
)
ENGINE = ReplacingMergeTree ORDER BY (rules, at)
COMMENT 'Rules by which values became handles';

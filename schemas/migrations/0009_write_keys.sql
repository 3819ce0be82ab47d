-- Who may write over HTTP, and what: one row for each state of a key. Repeated rows are harmless: of the rows with one
-- digest the highest version holds, which ReplacingMergeTree keeps and readers choose. The table has few rows and is
-- looked up by digest.
CREATE TABLE write_keys
(
    digest     String                COMMENT 'SHA-256 of the secret, in hex; the secret is kept nowhere',
    name       String                COMMENT 'Name of the key; its successors by rotation have the same',
    brands     Array(String)         COMMENT 'Brands that it may say; * for all',
    channels   Array(String)         COMMENT 'Channels that it may say; * for all but identity',
    sources    Array(String)         COMMENT 'Sources that it may speak for; empty for any',
    origins    Array(String)         COMMENT 'Origins of pages that may use it; * for all, empty for none',
    per_s      UInt32                COMMENT 'Events a second; 0 is without limit',
    until_us   Int64                 COMMENT 'When it ends, microseconds since 1970; 0 for never',
    is_revoked Bool                  COMMENT 'Whether it was revoked',
    version    UInt64                COMMENT 'When this row was written, microseconds since 1970; the highest holds'
)
ENGINE = ReplacingMergeTree(version) ORDER BY digest
COMMENT 'Write keys of the collector, by the hash of their secret';

-- The path of every customer through the stages is kept, since it costs the whole history each time it is computed. A row
-- has all steps that follow from the interactions so far, those to come by lapses too, so it changes by interactions and identity
-- alone, and not by time. Rows say nothing by themselves: the view stage_history takes those that the latest mark says
-- are right, and computes the others.
CREATE TABLE kept_paths
(
    model    LowCardinality(String)                 COMMENT 'Hash of the model that decided',
    brand    LowCardinality(String)                 COMMENT 'Brand',
    customer UInt64                                 COMMENT 'Customer: the smallest handle id of those that are one person',
    members  Array(UInt64)                          COMMENT 'Hash of each of their handle ids: who has one of them that moved is computed anew',
    at_us    Array(Int64)                           COMMENT 'Of each step, in order: when, in microseconds since 1970',
    before   Array(UInt8)                           COMMENT 'Of each step: the stage before, 0 for none to 5 for advocacy',
    after    Array(UInt8)                           COMMENT 'Of each step: the stage from then on',
    reasons  Array(LowCardinality(String))          COMMENT 'Of each step: evidence, lapse or retention',
    types    Array(Array(LowCardinality(String)))   COMMENT 'Of each step: types of the interactions; empty for a lapse',
    number   UInt64                                 COMMENT 'Number of the write; the highest counts'
)
ENGINE = ReplacingMergeTree(number) ORDER BY (model, brand, customer)
COMMENT 'The path of every customer, as it was computed last; read it through stage_history';

-- Up to where kept_paths is right. The row without a model tells since when: what was kept in an earlier epoch counts no more,
-- because tables were changed by something else than events.
CREATE TABLE kept_marks
(
    model    LowCardinality(String)                 COMMENT 'Hash of the model; empty for the row of the epoch',
    epoch    UInt64                                 COMMENT 'Epoch in which all rows were computed',
    expired  Map(String, String)                    COMMENT 'Brand to the expiry that was counted',
    offsets  Map(UInt16, UInt64)                    COMMENT 'Partition of the log to the offset before which all interactions are in',
    version  UInt64                                 COMMENT 'Highest version of identity_map that is in',
    number   UInt64                                 COMMENT 'Number of the write; the highest counts',
    reason   String                                 COMMENT 'Why an epoch began; empty otherwise'
)
ENGINE = ReplacingMergeTree(number) ORDER BY model
COMMENT 'Up to which interactions and moves of handles the kept paths are right';

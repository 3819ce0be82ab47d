-- Every A-Path model that was ever applied or tried. A model is named by the hash of its content and its rows follow
-- from that content, so writing a model twice changes nothing.

-- One row for each time a model came into force; the model with the highest sequence is in force.
CREATE TABLE models
(
    model        String                         COMMENT 'Hash of the model file''s content',
    name         String                         COMMENT 'Name that the file gives itself',
    toml         String                         COMMENT 'The file, as it was applied',
    channels     Map(String, String)            COMMENT 'Area of an event type (before the dot) to channel',
    revenue      Map(String, Int8)              COMMENT 'Event type or *.verb to 1 (amount is revenue) or -1 (given back)',
    activated_at DateTime64(6, 'UTC')           COMMENT 'When it came into force',
    sequence     UInt64                         COMMENT 'Order of coming into force; the highest is in force'
)
ENGINE = MergeTree ORDER BY sequence
COMMENT 'A-Path models by the order in which they came into force';

-- This table is small and is read whole. ORDER BY keeps the rows of a model together.
CREATE TABLE model_stages
(
    model       LowCardinality(String)          COMMENT 'Hash of the model',
    stage       LowCardinality(String)          COMMENT 'Stage of the A-Path',
    position    UInt8                           COMMENT '1 for attention to 5 for advocacy',
    half_life_s Float64                         COMMENT 'Seconds in which evidence for this stage fades to half',
    threshold   Float64                         COMMENT 'Score that makes the stage'
)
ENGINE = ReplacingMergeTree ORDER BY (model, position)
COMMENT 'Half-life and threshold of each stage, by model';

-- This table is small and is read whole. (model, rule) is the sorting key, so that ReplacingMergeTree removes repeated
-- inserts.
CREATE TABLE model_weights
(
    model         LowCardinality(String)        COMMENT 'Hash of the model',
    stage         LowCardinality(String)        COMMENT 'Stage the evidence is for; none for a type known to give none',
    type          LowCardinality(String)        COMMENT 'Event type, or *.verb for that verb in every area',
    weight        Float64                       COMMENT 'Evidence from one interaction; negative takes evidence away',
    rating_min    Nullable(Float64)             COMMENT 'Counts only interactions with at least this rating',
    rating_max    Nullable(Float64)             COMMENT 'Counts only interactions with at most this rating',
    sentiment_min Nullable(Float64)             COMMENT 'Counts only interactions with at least this sentiment',
    sentiment_max Nullable(Float64)             COMMENT 'Counts only interactions with at most this sentiment',
    amount_min    Nullable(Float64)             COMMENT 'Counts only interactions with at least this amount',
    amount_max    Nullable(Float64)             COMMENT 'Counts only interactions with at most this amount',
    rule          UInt16                        COMMENT 'Number of the rule in its model'
)
ENGINE = ReplacingMergeTree ORDER BY (model, rule)
COMMENT 'Which interactions are evidence for which stage, and how much, by model';

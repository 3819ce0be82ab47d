-- A rule can ask for a mood. This file sorts before the files of the views that weigh by mood.
ALTER TABLE model_weights
    ADD COLUMN IF NOT EXISTS mood LowCardinality(String) COMMENT 'Counts only interactions of this mood: negative, or not negative; empty for any' AFTER amount_max,
    ADD COLUMN IF NOT EXISTS negative_sentiment Nullable(Float64) COMMENT 'An interaction with at most this sentiment is negative' AFTER mood,
    ADD COLUMN IF NOT EXISTS negative_rating Nullable(Float64) COMMENT 'An interaction with at most this rating is negative' AFTER negative_sentiment;

-- Audiences: named lists of customers, by the file of JOURNEY_AUDIENCES. There is one table, of changes, and who is in an audience
-- now follows from it: with two tables, a process that is killed between two writes would leave them at odds. What is found at once is
-- written in one insert. ORDER BY keeps an audience's changes together, in the order in which they were written: who is in it now
-- is read from these rows alone, and so is what comes after the number that a reader has.
CREATE TABLE audience_changes
(
    brand    LowCardinality(String)             COMMENT 'Brand of the audience',
    audience LowCardinality(String)             COMMENT 'Name of the audience in the file',
    number   UInt64                             COMMENT 'Number of the change among those of all audiences: later ones have higher numbers, and none is given twice; with gaps',
    customer UInt64                             COMMENT 'Customer, as they were named then: the smallest handle id of those that are one person',
    change   LowCardinality(String)             COMMENT 'entered or left',
    reason   LowCardinality(String)             COMMENT 'conditions: the customer has come to meet them, or meets them no longer; file: the audience was taken out of the file',
    at       DateTime64(6, 'UTC')               COMMENT 'When it was found'
)
ENGINE = MergeTree ORDER BY (brand, audience, number)
COMMENT 'Who entered and who left each audience, and when';

CREATE VIEW audience_members
AS SELECT
    brand,
    audience,
    customer,
    argMax(at, number) AS entered_at
FROM audience_changes
GROUP BY brand, audience, customer
HAVING argMax(change, number) = 'entered'
COMMENT 'Who is in each audience now, and since when';

ALTER TABLE audience_members
    COMMENT COLUMN brand      'Brand of the audience',
    COMMENT COLUMN audience   'Name of the audience in the file',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN entered_at 'When they entered it last'

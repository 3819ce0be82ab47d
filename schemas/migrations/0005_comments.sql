-- Comments on the columns of views. A view that takes arguments has no columns until it is called; the comment above
-- it and its own COMMENT describe its result. A view that is recreated loses these comments.

ALTER TABLE model_in_force
    COMMENT COLUMN model      'Hash of the model',
    COMMENT COLUMN channels   'Area of an event type (before the dot) to channel',
    COMMENT COLUMN revenue    'Event type or *.verb to 1 (amount is revenue) or -1 (given back)',
    COMMENT COLUMN half_lives 'Seconds in which evidence fades to half, from attention to advocacy',
    COMMENT COLUMN thresholds 'Score that makes each stage, from attention to advocacy';

ALTER TABLE customers
    COMMENT COLUMN handle   'Handle',
    COMMENT COLUMN kind     'Kind of the handle: user, email, phone, ...',
    COMMENT COLUMN customer 'Customer that it belongs to: the smallest handle id of those that are one person';

ALTER TABLE touchpoints
    COMMENT COLUMN brand      'Brand that the customer interacted with',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN time       'When it happened',
    COMMENT COLUMN type       'What happened, as area.verb',
    COMMENT COLUMN channel    'social, web, store, support, direct or other, by the model in force',
    COMMENT COLUMN offline    'Whether the channel is the store',
    COMMENT COLUMN content    'Post, page, mail or ad; empty without one',
    COMMENT COLUMN product    'Product; empty without one',
    COMMENT COLUMN place      'Store, restaurant, counter; empty without one',
    COMMENT COLUMN campaign   'Campaign; empty without one',
    COMMENT COLUMN device     'Device class; empty without one',
    COMMENT COLUMN amount     'Money in currency, as it was given; NULL without any',
    COMMENT COLUMN currency   'ISO 4217; empty without amount',
    COMMENT COLUMN revenue    'Amount where it is revenue by the model in force, negative where it is given back, else 0; NULL without amount',
    COMMENT COLUMN rating     'Stars, CSAT or NPS, 0 to 10; NULL without one',
    COMMENT COLUMN sentiment  '-1 to 1; NULL without one',
    COMMENT COLUMN cause      'Id of the event, or share code, that brought this one',
    COMMENT COLUMN source     'Producer of the event',
    COMMENT COLUMN id         'Id that the producer gave',
    COMMENT COLUMN event      'Key of the event; unique',
    COMMENT COLUMN handle     'Primary handle: evidence belongs to it',
    COMMENT COLUMN handles    'Every handle that the event names, the primary first',
    COMMENT COLUMN kinds      'Kind of each of the handles',
    COMMENT COLUMN properties 'Anything else, as JSON; empty without any';

ALTER TABLE expired_touches
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN handle     'Primary handle of the interactions',
    COMMENT COLUMN type       'What happened, as area.verb',
    COMMENT COLUMN channel    'social, web, store, support, direct or other, by the model in force',
    COMMENT COLUMN touches    'Touches',
    COMMENT COLUMN revenue    'Revenue by currency, by the model in force, refunds taken off',
    COMMENT COLUMN first_seen 'Earliest of them',
    COMMENT COLUMN last_seen  'Latest of them',
    COMMENT COLUMN horizon    'Instant before which they were';

ALTER TABLE touches_by_minute
    COMMENT COLUMN brand   'Brand',
    COMMENT COLUMN minute  'Minute of event time',
    COMMENT COLUMN channel 'Channel, by the model in force',
    COMMENT COLUMN type    'Event type',
    COMMENT COLUMN touches 'Interactions';

ALTER TABLE standings
    COMMENT COLUMN brand           'Brand',
    COMMENT COLUMN customer        'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN position        '0 for none, 1 for attention to 5 for advocacy',
    COMMENT COLUMN stage           'Highest stage whose score reaches its threshold now',
    COMMENT COLUMN scores          'Scores now, from attention to advocacy; NULL is no evidence',
    COMMENT COLUMN lapses_at       'Last instant of the stage if nothing more happens; NULL without a stage',
    COMMENT COLUMN first_seen      'Earliest interaction',
    COMMENT COLUMN last_seen       'Latest interaction',
    COMMENT COLUMN touches         'Touches on all channels',
    COMMENT COLUMN touches_social  'Touches on social networks and communities',
    COMMENT COLUMN touches_web     'Touches on the web and in apps',
    COMMENT COLUMN touches_store   'Touches in stores',
    COMMENT COLUMN touches_support 'Touches with support',
    COMMENT COLUMN touches_direct  'Touches by mail and campaigns',
    COMMENT COLUMN touches_other   'Touches whose area the model gives no channel',
    COMMENT COLUMN revenue         'Revenue by currency, refunds taken off';

ALTER TABLE stage_history
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN at         'Time of the interaction, or last instant of the stage that lapsed',
    COMMENT COLUMN from_stage 'Stage before',
    COMMENT COLUMN to_stage   'Stage from then on',
    COMMENT COLUMN reason     'evidence, lapse, or retention: what has expired, at the horizon',
    COMMENT COLUMN types      'Types of the interactions of that instant that were evidence, sorted; empty for a lapse';

ALTER TABLE journeys
    COMMENT COLUMN brand           'Brand',
    COMMENT COLUMN customer        'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN stage           'Highest stage whose score reaches its threshold now',
    COMMENT COLUMN attention       'Score for attention now; NULL is no evidence',
    COMMENT COLUMN attraction      'Score for attraction now; NULL is no evidence',
    COMMENT COLUMN affinity        'Score for affinity now; NULL is no evidence',
    COMMENT COLUMN audience        'Score for audience now; NULL is no evidence',
    COMMENT COLUMN advocacy        'Score for advocacy now; NULL is no evidence',
    COMMENT COLUMN since           'Latest change of stage: when this one came, or the last one lapsed; NULL if there never was a stage, or none since the horizon; the horizon where it came before that',
    COMMENT COLUMN lapses_at       'Last instant of the stage if nothing more happens; NULL without a stage',
    COMMENT COLUMN first_seen      'Earliest interaction',
    COMMENT COLUMN last_seen       'Latest interaction',
    COMMENT COLUMN touches         'Touches on all channels',
    COMMENT COLUMN touches_social  'Touches on social networks and communities',
    COMMENT COLUMN touches_web     'Touches on the web and in apps',
    COMMENT COLUMN touches_store   'Touches in stores',
    COMMENT COLUMN touches_support 'Touches with support',
    COMMENT COLUMN touches_direct  'Touches by mail and campaigns',
    COMMENT COLUMN touches_other   'Touches whose area the model gives no channel',
    COMMENT COLUMN revenue         'Revenue by currency, refunds taken off',
    COMMENT COLUMN handles         'All handles of the customer, sorted';

ALTER TABLE stage_population
    COMMENT COLUMN brand     'Brand',
    COMMENT COLUMN position  '0 for none, 1 for attention to 5 for advocacy; to sort by',
    COMMENT COLUMN stage     'Stage of the A-Path, none included',
    COMMENT COLUMN customers 'Customers who stand at it now',
    COMMENT COLUMN share     'Their share of the brand''s customers, 0 to 1';

ALTER TABLE channel_switches
    COMMENT COLUMN brand        'Brand',
    COMMENT COLUMN from_channel 'Channel of a touch',
    COMMENT COLUMN to_channel   'Channel of the same customer''s next touch',
    COMMENT COLUMN direction    'online to offline, offline to online, online (stays online) or offline; only the store is offline',
    COMMENT COLUMN switches     'Touches that followed so',
    COMMENT COLUMN customers    'Customers who did so',
    COMMENT COLUMN median_gap_s 'Median seconds between the two touches';

ALTER TABLE target_progress
    COMMENT COLUMN brand     'Brand',
    COMMENT COLUMN stage     'Stage that customers are to reach',
    COMMENT COLUMN channel   'Only customers met on this channel; empty for any',
    COMMENT COLUMN due       'Day by which the target is to be reached',
    COMMENT COLUMN target    'Customers who are to stand at the stage, or a higher one',
    COMMENT COLUMN actual    'Customers who do now',
    COMMENT COLUMN progress  'actual / target; 1 for a target of 0',
    COMMENT COLUMN days_left 'Days until due, UTC; negative when it is past',
    COMMENT COLUMN note      'Why this target',
    COMMENT COLUMN set_at    'When it was set';

ALTER TABLE unmapped_types
    COMMENT COLUMN type       'Event type',
    COMMENT COLUMN area       'What stands before the dot',
    COMMENT COLUMN brands     'Brands that have touches of it',
    COMMENT COLUMN touches    'Touches',
    COMMENT COLUMN customers  'Customers who had them',
    COMMENT COLUMN first_seen 'Earliest of the touches',
    COMMENT COLUMN last_seen  'Latest of the touches';

ALTER TABLE kept_expiries
    COMMENT COLUMN expired 'Brand to the expiry that counts: its number and horizon';

ALTER TABLE kept_state
    COMMENT COLUMN state 'Whether kept paths are taken, and the customers of whom they are not';

ALTER TABLE stale_handles
    COMMENT COLUMN handle 'Handle'

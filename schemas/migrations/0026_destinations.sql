-- The table has destinations of audiences too, each audience by itself: `journey audience list` shows how far each is, and what
-- keeps it. Nobody else than the process that delivers could tell.
ALTER TABLE feed_positions
    ADD COLUMN IF NOT EXISTS failing String COMMENT 'Why what comes next is not taken, and tried again; empty while it is taken';

ALTER TABLE feed_positions
    COMMENT COLUMN receiver 'Name of the receiver in the file; of a destination of audiences with / and the name of an audience',
    COMMENT COLUMN delivered 'Events that it took, from its begin; of a destination that is a file, how often that was written';

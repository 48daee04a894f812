-- Every event that had its effect, by its identity. The primary key is what makes it "once".
CREATE TABLE events (
  agent text NOT NULL,
  log text NOT NULL,
  seq numeric(20) NOT NULL,
  topic text NOT NULL,
  time timestamptz NOT NULL,
  payload text,
  PRIMARY KEY (agent, log, seq)
);

-- The effect: here a count per topic, which a repetition would make wrong.
CREATE TABLE totals (topic text PRIMARY KEY, count bigint NOT NULL);

-- How far the file of events was read.
CREATE TABLE progress (byte_offset bigint NOT NULL);
INSERT INTO progress VALUES (0);

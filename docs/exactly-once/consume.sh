#!/bin/sh
# Reads the file that `holdfast unpack --ndjson >> FILE` appends to, and gives each event its effect
# in PostgreSQL exactly once, however often this script or Holdfast is killed.
#
#   PGHOST=... PGDATABASE=... sh consume.sh FILE
set -eu
file=$1
piece=$(mktemp)
trap 'rm -f "$piece"' EXIT

while :; do
  offset=$(psql -qAtXc 'SELECT byte_offset FROM progress')
  # Whole lines only: what stands behind the last line's end is still being written.
  tail -c "+$((offset + 1))" "$file" 2> /dev/null | head -c 1000000 > "$piece.part" || true
  count=$(wc -l < "$piece.part")
  head -n "$count" "$piece.part" > "$piece"
  rm -f "$piece.part"
  if [ "$count" = 0 ]; then
    sleep 0.2
    continue
  fi
  bytes=$(wc -c < "$piece")
  # One transaction: the identities, their effect, and how far the file was read.
  psql -qX -v ON_ERROR_STOP=1 << SQL
BEGIN;
CREATE TEMP TABLE incoming (line jsonb) ON COMMIT DROP;
\\copy incoming FROM '$piece' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
WITH new AS (
  INSERT INTO events (agent, log, seq, topic, time, payload)
  SELECT line->>'agent', line->>'log', (line->>'seq')::numeric, line->>'topic',
         (line->>'time')::timestamptz, coalesce(line->>'payload', line->>'payload_base64')
  FROM incoming WHERE line ? 'seq'
  ON CONFLICT DO NOTHING
  RETURNING topic
)
INSERT INTO totals SELECT topic, count(*) FROM new GROUP BY topic
ON CONFLICT (topic) DO UPDATE SET count = totals.count + excluded.count;
UPDATE progress SET byte_offset = $offset + $bytes WHERE byte_offset = $offset;
COMMIT;
SQL
done

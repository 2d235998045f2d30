"""The commands, one file each: encode, derive, train, backfill, predict, evaluate, export."""

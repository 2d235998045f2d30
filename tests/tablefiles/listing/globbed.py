"""A folder as Spark, Hadoop and Encore leave one, and what globs find in it, on a disk and in object storage."""

GLOBBED = (
    "in/a.csv",
    "in/_SUCCESS",
    "in/.a.csv.crc",
    "in/_b.csv",
    "in/.c.csv",
    "in/_temporary/0/d.csv",
    "in/.spark/e.csv",
    "in/dataset_info.json",
    "in/state.json",
    "in/night/f.csv",
    "in/night/_metadata/g.csv",
    "in/night/state.json",
    "in/features/store.json",
    "in/features/manifests/1.json",
    "in/features/lists/h.csv",
)

GLOBS = {
    "in/*": ["in/a.csv", "in/night/f.csv", "in/night/state.json"],
    "in/**": ["in/a.csv", "in/night/f.csv", "in/night/state.json"],
    "**/*.csv": ["in/a.csv", "in/night/f.csv"],
    "in/*.csv": ["in/a.csv"],
    "in/?[b-z]*v": [],
    "in/**/*.json": ["in/night/state.json"],
    "in/*/*.csv": ["in/night/f.csv"],
    "in/*/**": ["in/night/f.csv", "in/night/state.json"],
    "in/**/0/*.csv": [],
    # What the pattern names itself is read.
    "in/_*.csv": ["in/_b.csv"],
    "in/.*.csv": ["in/.c.csv"],
    "in/_temporary/**": ["in/_temporary/0/d.csv"],
    "**/_temporary/*/*.csv": ["in/_temporary/0/d.csv"],
    "in/_temp*/0/*.csv": ["in/_temporary/0/d.csv"],
    "in/.sp*/*": ["in/.spark/e.csv"],
    "in/*/_metadata/*.csv": ["in/night/_metadata/g.csv"],
    "*/dataset_info.json": ["in/dataset_info.json"],
    "*/features/lists/*": ["in/features/lists/h.csv"],
}
"""Pattern → the files that it stands for; none where it matches nothing but what is passed over."""

# Read when certlife is first completed.
eval "$(certlife completions bash)"

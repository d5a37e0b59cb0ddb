certlife completions fish | source

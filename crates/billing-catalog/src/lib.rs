//! Reads the plan file: YAML in, a checked catalog or every error with its place out.

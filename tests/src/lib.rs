//! Stories, HTTP, embedding and simulation: every promise, end to end.

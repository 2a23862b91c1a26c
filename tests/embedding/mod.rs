//! Embedding: what a host application does with the library.

//! The facade for applications that embed the billing engine.

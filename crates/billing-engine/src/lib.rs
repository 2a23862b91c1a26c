//! The hands of the billing engine: commands, intake, tick, perform, gate.

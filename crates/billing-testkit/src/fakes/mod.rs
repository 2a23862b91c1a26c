//! Stateful fakes of payment providers, as HTTP servers on loopback.

//! A fake Paddle on loopback, to try a server against by hand.

fn main() {}

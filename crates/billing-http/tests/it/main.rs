//! The client against servers on loopback: what it sends, how often, and what
//! it concludes. No test waits for real time to pass.

#[cfg(test)]
mod support;

#[cfg(test)]
mod circuit;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod outcome;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod retry;

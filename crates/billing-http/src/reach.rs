//! Whom a client may reach: anybody, or only what is on the public internet.
//!
//! For addresses that strangers choose. A name is judged by the very addresses that are
//! dialed, each time that it is looked up, so that one which changes its mind between a check
//! and a call gains nothing by it; what is a number in the URL already is judged before any
//! call. Redirects are followed by no client. Knows no URL's owner.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Whom a client may reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Whomever a URL names: for addresses that an operator has set.
    #[default]
    Anybody,
    /// Only addresses of the public internet: for those that strangers have chosen. Private,
    /// local, shared, documented, multicast and otherwise special ones are refused.
    Public,
}

impl Reach {
    /// Whether a URL may be asked for, as far as can be said before its name is looked up.
    #[must_use]
    pub fn allows(self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::Anybody, _) | (Self::Public, Some(Host::Domain(_))) => true,
            (Self::Public, Some(Host::Ipv4(address))) => is_public(IpAddr::V4(address)),
            (Self::Public, Some(Host::Ipv6(address))) => is_public(IpAddr::V6(address)),
            (Self::Public, None) => false,
        }
    }
}

/// The addresses of a name, as they are being looked up.
pub type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up, so that a test or a host can bring its own.
pub trait Names: fmt::Debug + Send + Sync {
    /// The addresses of a name. Asked each time that a connection is made, and what it says is
    /// what is dialed, where it may be.
    fn look_up(&self, name: String) -> LookingUp;
}

/// The system's names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: String) -> LookingUp {
        Box::pin(async move {
            // The port is the URL's, and is put in by whoever dials.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Looks names up, and passes on what may be reached alone.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) reach: Reach,
    pub(crate) names: Arc<dyn Names>,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, looking_up) = (self.reach, self.names.look_up(name.as_str().to_owned()));
        Box::pin(async move {
            let found = looking_up.await?;
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            let found = match reach {
                Reach::Anybody => found.collect(),
                Reach::Public => public(found)?,
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Those of `found` that are public.
fn public(found: impl Iterator<Item = SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
    if public.is_empty() {
        let kind = io::ErrorKind::PermissionDenied;
        return Err(io::Error::new(kind, "it has no public address"));
    }
    Ok(public)
}

/// Whether an address is anybody's on the public internet, by IANA's registries of addresses
/// for special purposes.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Blocks of addresses that are not: the first, and how many bits they share.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    // "This network".
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by customers of one carrier.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, where clouds keep their metadata.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation, here and below.
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays from IPv6, which nobody runs any more.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Measuring of devices.
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, and the broadcast address at its end.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The one block that is global unicast; what lies outside is local, special or unassigned,
/// addresses of IPv4 in another dress among it.
const UNICAST_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks within it that are nobody's to be reached.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments: tunnels and keys that look like addresses.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation, here and last.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // Addresses of IPv4, private ones too, in a tunnel.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    let within = |(first, shared): &(Ipv4Addr, u32)| {
        let free = 32_u32.saturating_sub(*shared);
        bits >> free == u32::from(*first) >> free
    };
    !SPECIAL_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = u128::from(address);
    let within = |(first, shared): &(Ipv6Addr, u32)| {
        let free = 128_u32.saturating_sub(*shared);
        bits >> free == u128::from(*first) >> free
    };
    within(&UNICAST_V6) && !SPECIAL_V6.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_not_public_to_its_last_address() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.1",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "2a00:1450::1",
            "3ffe::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_number_in_a_url_is_judged_however_it_is_written() {
        let allows = |text: &str| Reach::Public.allows(&text.parse().unwrap());
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://0/",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
        ] {
            assert!(!allows(text), "{text}");
            assert!(Reach::Anybody.allows(&text.parse().unwrap()));
        }
        for text in [
            "https://hooks.example.com/",
            "https://8.8.8.8/",
            "https://[2606:4700::1]/",
        ] {
            assert!(allows(text), "{text}");
        }
    }

    #[test]
    fn of_a_name_only_what_is_public_is_dialed() {
        let all = ["10.0.0.1:0", "8.8.8.8:0", "[::1]:0", "[2606:4700::1]:0"];
        let found = |all: &[&str]| public(all.iter().map(|text| text.parse().unwrap()));
        let dialed = found(&all).unwrap();
        let expected: Vec<SocketAddr> = vec![all[1].parse().unwrap(), all[3].parse().unwrap()];
        assert_eq!(dialed, expected);
        assert!(found(&all[..1]).is_err());
        assert!(found(&[]).is_err());
    }
}

//! Which addresses a probe may connect to, judged before it does.
//!
//! A name in the plan leads wherever its DNS says, and a redirect wherever a server says. So that neither can turn
//! this program against the computer and the network it runs on, what is private has to be named by the plan, and
//! what can be no server of anybody is never connected to. Looking up and connecting are the engine's.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Why an address is not connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The address.
    pub address: IpAddr,
    /// What kind of address it is, in words.
    pub kind: &'static str,
    /// Whether the plan may allow it.
    pub can_be_allowed: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, kind, can_be_allowed } = self;
        if *can_be_allowed {
            write!(formatter, "{address}, {kind}; \"private = true\" at the endpoint would allow it")
        } else {
            write!(formatter, "{address}, {kind}, which is never connected to")
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Public,
    Private(&'static str),
    Never(&'static str),
}

/// Whether an address may be connected to. `named` says that the plan itself names it, see [`names_itself`], or
/// that its endpoint says `private = true`.
pub fn judge(address: IpAddr, named: bool) -> Result<(), Refusal> {
    match scope(address) {
        Scope::Public => Ok(()),
        Scope::Private(_) if named => Ok(()),
        Scope::Private(kind) => Err(Refusal { address, kind, can_be_allowed: true }),
        Scope::Never(kind) => Err(Refusal { address, kind, can_be_allowed: false }),
    }
}

/// Whether a host as the plan writes it leaves nothing to DNS: an address, or `localhost`.
pub fn names_itself(host: &str) -> bool {
    is_localhost(host) || literal(host).is_some()
}

/// Whether a credential may travel there unencrypted: `localhost`, or a loopback or private address as such.
pub fn is_near(host: &str) -> bool {
    is_localhost(host) || literal(host).is_some_and(|address| matches!(scope(address), Scope::Private(_)))
}

/// Whether this is the name of this computer, which leads to loopback whatever DNS says (RFC 6761, section 6.3).
pub fn is_localhost(host: &str) -> bool {
    host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case("localhost")
}

/// A host that is an address, with or without the brackets a URL puts around it.
pub fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(address) => version_4(address),
        IpAddr::V6(address) => version_6(address),
    }
}

/// The registry of special addresses is RFC 6890 and those that update it.
fn version_4(address: Ipv4Addr) -> Scope {
    match address.octets() {
        // Where cloud machines are told who they are, outside of link-local: Alibaba's and Azure's.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Scope::Never("a cloud's metadata address"),
        [0, ..] => Scope::Never("an unspecified address"),
        [169, 254, ..] => Scope::Never("a link-local address"),
        [255, 255, 255, 255] => Scope::Never("the broadcast address"),
        [224..=239, ..] => Scope::Never("a multicast address"),
        [192, 0, 0, _] | [240..=255, ..] => Scope::Never("a reserved address"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Scope::Never("an address for documentation"),
        [127, ..] => Scope::Private("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Scope::Private("a private address"),
        [100, 64..=127, ..] => Scope::Private("an address shared behind a carrier"),
        [198, 18 | 19, ..] => Scope::Private("an address for benchmarks"),
        _ => Scope::Public,
    }
}

fn version_6(address: Ipv6Addr) -> Scope {
    let groups = address.segments();
    let embedded = |high: u16, low: u16| version_4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match groups {
        [0, 0, 0, 0, 0, 0, 0, 0] => Scope::Never("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Private("a loopback address"),
        // Version 4 written as version 6, in all the ways there are: mapped, translated, compatible, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        // NAT64 of a network's own, where the place of the embedded address varies.
        [0x64, 0xff9b, 1, .., high, low] => match embedded(high, low) {
            never @ Scope::Never(_) => never,
            Scope::Public | Scope::Private(_) => Scope::Private("a private address"),
        },
        // Teredo: the client's address is written with every bit turned.
        [0x2001, 0, .., high, low] => embedded(!high, !low),
        [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] => Scope::Never("a cloud's metadata address"),
        [0xfe80..=0xfebf, ..] => Scope::Never("a link-local address"),
        [0xff00..=0xffff, ..] => Scope::Never("a multicast address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Scope::Never("an address for documentation"),
        [0x100, 0, 0, 0, ..] => Scope::Never("a reserved address"),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Scope::Private("a private address"),
        _ => Scope::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(address: &str, named: bool) -> Result<(), Refusal> {
        judge(address.parse().unwrap(), named)
    }

    #[test]
    fn public_addresses_are_connected_to() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "192.169.0.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00::1",
            "2001:db9::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "2001:0:0:0:0:0:fefe:fefe",
        ] {
            assert_eq!(judged(address, false), Ok(()), "{address}");
        }
    }

    #[test]
    fn private_addresses_have_to_be_named() {
        for address in [
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:0:10.1.2.3",
            "::10.1.2.3",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1.1.1.1",
            "2002:a00:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001:0:0:0:0:0:f5ff:fffe",
        ] {
            let refusal = judged(address, false).unwrap_err();
            assert!(refusal.can_be_allowed, "{address}");
            assert!(refusal.to_string().contains("\"private = true\""), "{refusal}");
            assert_eq!(judged(address, true), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_can_be_no_server_is_never_connected_to() {
        for (address, kind) in [
            ("169.254.169.254", "a link-local address"),
            ("169.254.0.1", "a link-local address"),
            ("100.100.100.200", "a cloud's metadata address"),
            ("168.63.129.16", "a cloud's metadata address"),
            ("fd00:ec2::254", "a cloud's metadata address"),
            ("fd20:ce::254", "a cloud's metadata address"),
            ("0.0.0.0", "an unspecified address"),
            ("0.1.2.3", "an unspecified address"),
            ("::", "an unspecified address"),
            ("224.0.0.1", "a multicast address"),
            ("239.255.255.255", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
            ("240.0.0.1", "a reserved address"),
            ("192.0.0.8", "a reserved address"),
            ("100::1", "a reserved address"),
            ("192.0.2.1", "an address for documentation"),
            ("198.51.100.1", "an address for documentation"),
            ("203.0.113.1", "an address for documentation"),
            ("2001:db8::1", "an address for documentation"),
            ("3fff::1", "an address for documentation"),
            ("fe80::1", "a link-local address"),
            ("febf::1", "a link-local address"),
            ("::ffff:169.254.169.254", "a link-local address"),
            ("::ffff:0.0.0.0", "an unspecified address"),
            ("::169.254.169.254", "a link-local address"),
            ("64:ff9b::169.254.169.254", "a link-local address"),
            ("64:ff9b:1::169.254.169.254", "a link-local address"),
            ("2002:a9fe:a9fe::1", "a link-local address"),
            ("2001:0:0:0:0:0:5601:5601", "a link-local address"),
        ] {
            for named in [false, true] {
                let address: IpAddr = address.parse().unwrap();
                assert_eq!(judge(address, named), Err(Refusal { address, kind, can_be_allowed: false }));
            }
        }
    }

    #[test]
    fn a_host_names_itself_when_dns_has_no_say() {
        for (host, itself, near) in [
            ("localhost", true, true),
            ("LOCALHOST.", true, true),
            ("127.0.0.1", true, true),
            ("[::1]", true, true),
            ("10.0.0.1", true, true),
            ("192.0.2.1", true, false),
            ("1.1.1.1", true, false),
            ("localhost.example.org", false, false),
            ("api.example.org", false, false),
            // The system's look-up takes these for addresses; the plan does not show that they are.
            ("127.1", false, false),
            ("2130706433", false, false),
            ("0x7f.1", false, false),
            ("", false, false),
        ] {
            assert_eq!((names_itself(host), is_near(host)), (itself, near), "{host}");
        }
    }
}

//! The target guard: which addresses a webhook's requests may go to.
//!
//! A tenant who registers a webhook chooses where this machine sends requests. This must not give
//! access to its own services, the network behind the firewall, or a cloud's metadata. So requests
//! go only to addresses of the public Internet, by the special-purpose registries of IANA
//! ([IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry),
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry)), and to those that an
//! operator permits.
//!
//! On each connect, the transport checks every address of the name, and connects only to an address
//! that it has checked: a name that changes a moment later has no effect. A backend checks the URL
//! itself when a webhook is registered ([`check_url`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::webhook::WebhookUrl;

/// An address that requests may not go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}")]
pub struct RefusedAddress {
    /// The address.
    pub address: IpAddr,
    /// Its kind, such as `private (RFC 1918)`.
    pub kind: &'static str,
}

/// Whether requests may go to an address: to one of the public Internet, or one in the allow-list.
///
/// The allow-list permits an IPv4-mapped IPv6 address also by the IPv4 address inside.
///
/// ```
/// use certificate_lifecycle::delivery::target::check;
///
/// assert!(check("93.184.215.14".parse()?, &[]).is_ok());
/// let refused = check("10.0.0.7".parse()?, &[]).unwrap_err();
/// assert_eq!(refused.to_string(), "10.0.0.7 is private (RFC 1918)");
/// assert!(check("10.0.0.7".parse()?, &["10.0.0.0/8".parse()?]).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`RefusedAddress`] with the kind of the address.
pub fn check(address: IpAddr, allowed: &[IpNet]) -> Result<(), RefusedAddress> {
    let Some(kind) = special(address) else {
        return Ok(());
    };
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
    };
    let is_allowed = |address: &IpAddr| allowed.iter().any(|it| it.contains(address));
    if is_allowed(&address) || inner.as_ref().is_some_and(is_allowed) {
        return Ok(());
    }
    Err(RefusedAddress { address, kind })
}

/// Why requests may not go to a webhook's URL. The message suits the tenant as well as the
/// operator: it names no option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedTarget {
    /// The URL begins with `http://`.
    #[error("requests to {host} would not be encrypted: expected a URL that begins with https://")]
    NotEncrypted {
        /// The host of the URL.
        host: String,
    },
    /// The host is, or resolves to, an address that requests may not go to.
    #[error(
        "{}: expected a host on the public Internet",
        what_it_is(host, refused)
    )]
    Address {
        /// The host of the URL.
        host: String,
        /// Its address.
        #[source]
        refused: RefusedAddress,
    },
}

/// The refused host in words.
fn what_it_is(host: &str, refused: &RefusedAddress) -> String {
    if literal(host) == Some(refused.address) {
        return refused.to_string();
    }
    let RefusedAddress { address, kind } = refused;
    format!("{host} leads to {address}, which is {kind}")
}

impl RefusedTarget {
    /// Refuses an address of a host if requests may not go to it.
    pub(super) fn check_address(
        host: &str,
        address: IpAddr,
        allowed: &[IpNet],
    ) -> Result<(), Self> {
        check(address, allowed).map_err(|refused| Self::Address {
            host: host.to_owned(),
            refused,
        })
    }
}

/// Whether requests may go to the URL of a webhook: checks its scheme, and its host if that is an
/// address or `localhost`. Other names are resolved and checked on each connect.
///
/// A backend calls [`HttpOptions::check`](crate::delivery::HttpOptions::check), which has the
/// dispatcher's own options, when a webhook is registered.
///
/// # Errors
/// [`RefusedTarget`] with what is wrong and what is expected.
pub fn check_url(
    url: &WebhookUrl,
    allow_http: bool,
    allowed: &[IpNet],
) -> Result<(), RefusedTarget> {
    let host = url.host();
    if !url.is_https() && !allow_http {
        let host = host.to_owned();
        return Err(RefusedTarget::NotEncrypted { host });
    }
    if let Some(address) = literal(host) {
        return RefusedTarget::check_address(host, address, allowed);
    }
    if is_localhost(host) {
        let v4 = RefusedTarget::check_address(host, Ipv4Addr::LOCALHOST.into(), allowed);
        let v6 = RefusedTarget::check_address(host, Ipv6Addr::LOCALHOST.into(), allowed);
        // Which of both it is, only the system knows.
        return v6.or(v4);
    }
    Ok(())
}

/// The address that a host is, if it is no name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let host = host.strip_prefix('[').unwrap_or(host);
    host.strip_suffix(']').unwrap_or(host).parse().ok()
}

/// Whether the name of a host is one of this machine (RFC 6761, section 6.3): `localhost`, or a
/// name that ends in `.localhost`, with or without a final dot, in either case of letters.
///
/// ```
/// use certificate_lifecycle::delivery::target::is_localhost;
///
/// assert!(is_localhost("localhost.") && is_localhost("a.LOCALHOST"));
/// assert!(!is_localhost("localhost.example.com") && !is_localhost("notlocalhost"));
/// ```
#[must_use]
pub fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It is not written as one.
    #[error(
        "expected a network such as 10.0.0.0/8 or fd00::/8, with numbers that have no leading zeros"
    )]
    Malformed,
    /// Its address has bits beyond those that the network has.
    #[error(
        "{address} is an address in the network {network}: expected {network}, or {address} alone"
    )]
    HostBits {
        /// The address.
        address: IpAddr,
        /// The network that it lies in.
        network: IpNet,
    },
}

/// Reads a network for the allow-list, or one address. Leading zeros are refused: some programs
/// read `010.0.0.0/8` as `8.0.0.0/8`.
///
/// ```
/// use certificate_lifecycle::delivery::target::network;
///
/// assert_eq!(network("10.0.0.0/8")?.to_string(), "10.0.0.0/8");
/// assert_eq!(network("fd00::1")?.to_string(), "fd00::1/128");
/// assert!(network("010.0.0.0/8").is_err());
/// assert!(network("10.0.0.1/8").is_err());
/// # Ok::<(), certificate_lifecycle::delivery::target::NetworkError>(())
/// ```
///
/// # Errors
/// [`NetworkError`] with what is expected.
pub fn network(text: &str) -> Result<IpNet, NetworkError> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    // It reads no leading zeros.
    let address: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
    let Some(prefix) = prefix else {
        return Ok(address.into());
    };
    let digits = prefix.bytes().all(|it| it.is_ascii_digit());
    let is_number = digits && (prefix == "0" || !prefix.starts_with('0'));
    let prefix = prefix.parse().ok().filter(|_| is_number);
    let network = prefix.and_then(|prefix| IpNet::new(address, prefix).ok());
    let network = network.ok_or(NetworkError::Malformed)?;
    if network.trunc() != network {
        let network = network.trunc();
        return Err(NetworkError::HostBits { address, network });
    }
    Ok(network)
}

/// What an address is that is none of the public Internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let mut ranges = SPECIAL_V4.iter();
            ranges.find_map(|(range, kind)| range.contains(&address).then_some(*kind))
        }
        IpAddr::V6(address) => {
            let mut ranges = SPECIAL_V6.iter();
            let named = ranges.find_map(|(range, kind)| range.contains(&address).then_some(*kind));
            named.or((!GLOBAL_V6.contains(&address)).then_some("outside of 2000::/3 (RFC 4291)"))
        }
    }
}

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(groups: [u16; 8], prefix: u8) -> Ipv6Net {
    let [first, second, third, fourth, fifth, sixth, seventh, last] = groups;
    let address = Ipv6Addr::new(first, second, third, fourth, fifth, sixth, seventh, last);
    Ipv6Net::new_assert(address, prefix)
}

/// The one part of IPv6 that is given out as global unicast.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Networks outside the public Internet; the first that fits gives the name. One address is public
/// by the registries, but not on the machines of a cloud: there, Azure answers it with the
/// machine's own metadata.
#[rustfmt::skip]
const SPECIAL_V4: [(Ipv4Net, &str); 21] = [
    (v4([0, 0, 0, 0], 8), "this network (RFC 791)"),
    (v4([10, 0, 0, 0], 8), "private (RFC 1918)"),
    (v4([100, 64, 0, 0], 10), "shared by a carrier's customers (RFC 6598)"),
    (v4([127, 0, 0, 0], 8), "loopback (RFC 1122)"),
    (v4([168, 63, 129, 16], 32), "a cloud's own (Azure WireServer), which serves metadata"),
    (v4([169, 254, 169, 254], 32), "link-local (RFC 3927), where clouds serve metadata"),
    (v4([169, 254, 0, 0], 16), "link-local (RFC 3927)"),
    (v4([172, 16, 0, 0], 12), "private (RFC 1918)"),
    (v4([192, 0, 0, 0], 24), "for protocols of the IETF (RFC 6890)"),
    (v4([192, 0, 2, 0], 24), "for documentation (RFC 5737)"),
    (v4([192, 31, 196, 0], 24), "AS112, for DNS (RFC 7535)"),
    (v4([192, 52, 193, 0], 24), "AMT, for multicast (RFC 7450)"),
    (v4([192, 88, 99, 0], 24), "a 6to4 relay (RFC 7526)"),
    (v4([192, 168, 0, 0], 16), "private (RFC 1918)"),
    (v4([192, 175, 48, 0], 24), "AS112, for DNS (RFC 7534)"),
    (v4([198, 18, 0, 0], 15), "for benchmarks (RFC 2544)"),
    (v4([198, 51, 100, 0], 24), "for documentation (RFC 5737)"),
    (v4([203, 0, 113, 0], 24), "for documentation (RFC 5737)"),
    (v4([224, 0, 0, 0], 4), "multicast (RFC 5771)"),
    (v4([255, 255, 255, 255], 32), "broadcast (RFC 919)"),
    (v4([240, 0, 0, 0], 4), "reserved (RFC 1112)"),
];

/// The same for IPv6, with names for what lies outside of [`GLOBAL_V6`].
#[rustfmt::skip]
const SPECIAL_V6: [(Ipv6Net, &str); 24] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified (RFC 4291)"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback (RFC 4291)"),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "IPv4-mapped (RFC 4291)"),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), "IPv4-translated (RFC 2765)"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "IPv4-compatible (RFC 4291)"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "IPv4 through NAT64 (RFC 6052)"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "IPv4 through a local NAT64 (RFC 8215)"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discarded (RFC 6666)"),
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), "a dummy (RFC 9780)"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "IPv4 through Teredo (RFC 4380)"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "for benchmarks (RFC 5180)"),
    (v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28), "ORCHID (RFC 4843)"),
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), "ORCHIDv2 (RFC 7343)"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "for protocols of the IETF (RFC 2928)"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "for documentation (RFC 3849)"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "IPv4 through 6to4 (RFC 3056)"),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), "AS112, for DNS (RFC 7534)"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation (RFC 9637)"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "for segment routing (RFC 9602)"),
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), "unique-local (RFC 4193), where a cloud serves metadata"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique-local (RFC 4193)"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local (RFC 4291)"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local (RFC 3879)"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast (RFC 4291)"),
];

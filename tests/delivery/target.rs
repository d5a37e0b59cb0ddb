//! Which addresses requests may go to, by the registries of IANA.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use certificate_lifecycle::delivery::HttpOptions;
use certificate_lifecycle::delivery::target::{NetworkError, RefusedTarget, check, network};
use ipnet::IpNet;
use proptest::prelude::*;

/// Every range that is refused: its first address, its last, and a word of its name.
const REFUSED: [(&str, &str, &str); 46] = [
    ("0.0.0.0", "0.255.255.255", "this network"),
    ("10.0.0.0", "10.255.255.255", "private"),
    ("100.64.0.0", "100.127.255.255", "carrier"),
    ("127.0.0.0", "127.255.255.255", "loopback"),
    ("168.63.129.16", "168.63.129.16", "Azure WireServer"),
    ("169.254.0.0", "169.254.255.255", "link-local"),
    ("169.254.169.254", "169.254.169.254", "metadata"),
    ("172.16.0.0", "172.31.255.255", "private"),
    ("192.0.0.0", "192.0.0.255", "IETF"),
    ("192.0.2.0", "192.0.2.255", "documentation"),
    ("192.31.196.0", "192.31.196.255", "AS112"),
    ("192.52.193.0", "192.52.193.255", "AMT"),
    ("192.88.99.0", "192.88.99.255", "6to4"),
    ("192.168.0.0", "192.168.255.255", "private"),
    ("192.175.48.0", "192.175.48.255", "AS112"),
    ("198.18.0.0", "198.19.255.255", "benchmarks"),
    ("198.51.100.0", "198.51.100.255", "documentation"),
    ("203.0.113.0", "203.0.113.255", "documentation"),
    ("224.0.0.0", "239.255.255.255", "multicast"),
    ("240.0.0.0", "255.255.255.254", "reserved"),
    ("255.255.255.255", "255.255.255.255", "broadcast"),
    ("::", "::", "unspecified"),
    ("::1", "::1", "loopback"),
    ("::2", "::ffff:ffff", "IPv4-compatible"),
    ("::ffff:0.0.0.0", "::ffff:255.255.255.255", "IPv4-mapped"),
    ("::ffff:0:0:0", "::ffff:0:ffff:ffff", "IPv4-translated"),
    ("64:ff9b::", "64:ff9b::ffff:ffff", "NAT64"),
    (
        "64:ff9b:1::",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        "local NAT64",
    ),
    ("100::", "100::ffff:ffff:ffff:ffff", "discarded"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "dummy"),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo"),
    (
        "2001:2::",
        "2001:2:0:ffff:ffff:ffff:ffff:ffff",
        "benchmarks",
    ),
    (
        "2001:10::",
        "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
        "ORCHID",
    ),
    (
        "2001:20::",
        "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff",
        "ORCHIDv2",
    ),
    (
        "2001:30::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "IETF",
    ),
    (
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "documentation",
    ),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4"),
    (
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        "AS112",
    ),
    (
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "documentation",
    ),
    (
        "4000::",
        "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2000::/3",
    ),
    (
        "5f00::",
        "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "segment routing",
    ),
    (
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "unique-local",
    ),
    ("fd00:ec2::254", "fd00:ec2::254", "metadata"),
    (
        "fe80::",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "link-local",
    ),
    (
        "fec0::",
        "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "site-local",
    ),
    (
        "ff00::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "multicast",
    ),
];

/// The neighbours of what is refused, and a few that everybody knows.
const PUBLIC: [&str; 56] = [
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.1.255",
    "192.0.3.0",
    "192.31.195.255",
    "192.31.197.0",
    "192.52.192.255",
    "192.52.194.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "192.175.47.255",
    "192.175.49.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:200::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2003::",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
    "2620:4f:8001::",
    "2a00::1",
    "2400::1",
    "2800::1",
    "2c00::1",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
    "3fff:1fff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The address in the middle between two of one kind.
fn between(first: IpAddr, last: IpAddr) -> IpAddr {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ipv4Addr::from_bits(first.to_bits().midpoint(last.to_bits())).into()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Ipv6Addr::from_bits(first.to_bits().midpoint(last.to_bits())).into()
        }
        _ => unreachable!("a range is of one kind"),
    }
}

#[test]
fn what_is_not_the_public_internet_is_refused_by_its_name() {
    for (first, last, name) in REFUSED {
        let (first, last) = (address(first), address(last));
        for it in [first, between(first, last), last] {
            let refused = check(it, &[]).expect_err(name);
            assert_eq!(refused.address, it);
            let message = refused.to_string();
            assert!(message.starts_with(&format!("{it} is ")), "{message}");
            // The middle of a range may have a name of its own.
            assert!(
                message.contains(name) || it != first && it != last,
                "{message}"
            );
        }
    }
}

#[test]
fn the_public_internet_is_not() {
    for text in PUBLIC {
        assert_eq!(check(address(text), &[]), Ok(()), "{text}");
    }
}

#[test]
fn an_operator_can_permit_what_is_refused() {
    for (first, last, name) in REFUSED {
        for it in [first, last].map(address) {
            assert_eq!(check(it, &[net("9.9.9.0/24"), it.into()]), Ok(()), "{name}");
            let all = [net("0.0.0.0/0"), net("::/0")];
            assert_eq!(check(it, &all), Ok(()), "{name}");
        }
    }
    // And no more than that.
    let allowed = [net("10.1.0.0/16"), net("fd00:1::/32")];
    for (text, is_allowed) in [
        ("10.1.0.0", true),
        ("10.1.255.255", true),
        ("10.0.255.255", false),
        ("10.2.0.0", false),
        ("fd00:1::", true),
        ("fd00:1:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("fd00:2::", false),
        ("127.0.0.1", false),
        ("::1", false),
        // An IPv4 address in IPv6's clothes, permitted by what is inside.
        ("::ffff:10.1.0.7", true),
        ("::ffff:10.2.0.7", false),
        // Other clothes hide too much: the address is another one to the network that routes it.
        ("::10.1.0.7", false),
        ("64:ff9b::10.1.0.7", false),
        ("2002:a01:7::", false),
    ] {
        assert_eq!(check(address(text), &allowed).is_ok(), is_allowed, "{text}");
    }
    // The clothes themselves can be permitted, which says nothing of the address without them.
    let allowed = [net("::ffff:10.0.0.0/104")];
    assert!(check(address("::ffff:10.0.0.7"), &allowed).is_ok());
    assert!(check(address("10.0.0.7"), &allowed).is_err());
}

#[test]
fn a_network_is_written_in_one_form() {
    for text in [
        "10.0.0.0/8",
        "0.0.0.0/0",
        "192.0.2.7/32",
        "fd00::/8",
        "::/0",
        "::1/128",
    ] {
        assert_eq!(network(text).unwrap().to_string(), text);
    }
    for (text, read) in [("192.0.2.7", "192.0.2.7/32"), ("FD00:0::1", "fd00::1/128")] {
        assert_eq!(network(text).unwrap().to_string(), read);
    }
    for text in [
        "",
        "/",
        "/8",
        "10",
        "10/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "fd00::/129",
        "010.0.0.0/8",
        "10.0.0.00/8",
        "010.0.0.1",
        "10.0.0.0/08",
        "10.0.0.0/00",
        "10.0.0.0/+8",
        "10.0.0.0/-8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        " 10.0.0.0/8",
        "10.0.0.0/8 ",
        "0x0a.0.0.0/8",
        "[fd00::]/8",
        "fe80::1%lo/64",
        "10.0.0.0/264",
    ] {
        assert_eq!(network(text), Err(NetworkError::Malformed), "{text}");
    }
    for (text, expected) in [
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("192.168.1.1/24", "192.168.1.0/24"),
        ("0.0.0.1/0", "0.0.0.0/0"),
        ("fd00::1/8", "fd00::/8"),
    ] {
        let error = network(text).unwrap_err();
        let (address, _) = text.split_once('/').unwrap();
        let message = format!(
            "{address} is an address in the network {expected}: expected {expected}, or {address} alone"
        );
        assert_eq!(error.to_string(), message);
        assert_eq!(network(expected).unwrap(), net(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn nothing_outside_of_global_unicast_is_let_through(bits: u128) {
        let it = Ipv6Addr::from_bits(bits);
        let is_global = it.segments()[0] & 0xe000 == 0x2000;
        prop_assert!(is_global || check(it.into(), &[]).is_err());
    }

    #[test]
    fn no_ipv6_address_hides_an_ipv4_address(inner: u32, suffix: u64) {
        let inner = u128::from(inner);
        let suffix = u128::from(suffix);
        for hidden in [
            inner,
            0xffff << 32 | inner,
            0xffff << 48 | inner,
            0x0064_ff9b << 96 | inner,
            0x0064_ff9b_0001 << 80 | inner << 16,
            0x2001_0000 << 96 | suffix << 32 | inner,
            0x2002 << 112 | inner << 80 | suffix,
        ] {
            let it = Ipv6Addr::from_bits(hidden);
            prop_assert!(check(it.into(), &[]).is_err(), "{it}");
        }
    }

    #[test]
    fn no_ipv4_address_is_let_through_that_the_standard_library_knows_to_be_special(bits: u32) {
        let it = Ipv4Addr::from_bits(bits);
        let special = it.is_private()
            || it.is_loopback()
            || it.is_link_local()
            || it.is_broadcast()
            || it.is_documentation()
            || it.is_multicast()
            || it.is_unspecified();
        prop_assert!(!special || check(it.into(), &[]).is_err());
        // And nothing is refused where nothing is special.
        let first = it.octets()[0];
        let refuses = [0, 10, 100, 127, 168, 169, 172, 192, 198, 203];
        prop_assert!(check(it.into(), &[]).is_ok() || first >= 224 || refuses.contains(&first));
    }

    #[test]
    fn no_private_ipv4_address_is_let_through(bits: u32) {
        for (network, prefix) in [
            (0x0a00_0000, 8),
            (0x6440_0000, 10),
            (0x7f00_0000, 8),
            (0xa9fe_0000, 16),
            (0xac10_0000, 12),
            (0xc0a8_0000, 16),
        ] {
            let it = Ipv4Addr::from_bits(network | bits >> prefix);
            prop_assert!(check(it.into(), &[]).is_err(), "{it}");
        }
    }
}

fn options(allow_http: bool, allowed: &[&str]) -> HttpOptions {
    HttpOptions::default()
        .with_allow_http(allow_http)
        .with_allow_targets(allowed.iter().map(|it| network(it).unwrap()).collect())
}

#[test]
fn what_a_url_alone_tells_is_refused_when_it_is_registered() {
    let strict = options(false, &[]);
    let check = |url: &str| strict.check(&url.parse().unwrap());
    for (url, message) in [
        (
            "http://example.com/",
            "requests to example.com would not be encrypted: expected a URL that begins with https://",
        ),
        (
            "https://192.168.0.7:8443/",
            "192.168.0.7 is private (RFC 1918): expected a host on the public Internet",
        ),
        (
            "https://[fd00::1]/",
            "fd00::1 is unique-local (RFC 4193): expected a host on the public Internet",
        ),
        (
            "https://localhost/",
            "localhost leads to 127.0.0.1, which is loopback (RFC 1122): expected a host on the public Internet",
        ),
    ] {
        let refused = check(url).unwrap_err();
        assert_eq!(refused.to_string(), message);
        assert_eq!(refused.http_status(), 422);
    }
    for url in ["https://LOCALHOST./", "https://a.localhost:1/"] {
        let refused = check(url).unwrap_err();
        assert!(matches!(refused, RefusedTarget::Address { .. }), "{url}");
    }
    // What a name leads to is seen when something is sent; a name may only look like one of this
    // machine.
    for url in [
        "https://example.com/",
        "https://93.184.215.14/",
        "https://localhost.example.com/",
        "https://notlocalhost/",
    ] {
        assert_eq!(check(url), Ok(()), "{url}");
    }
}

#[test]
fn what_the_operator_allows_is_registered() {
    for (allowed, url) in [
        ("127.0.0.0/8", "http://localhost:8700/"),
        ("::1", "http://localhost:8700/"),
        ("10.0.0.0/8", "https://10.0.0.7/"),
    ] {
        let url = url.parse().unwrap();
        assert_eq!(options(true, &[allowed]).check(&url), Ok(()), "{url}");
        let strict = options(true, &["192.168.0.0/16"]).check(&url);
        assert!(strict.is_err(), "{url}");
    }
}

//! Resources that this machine has run out of.

use std::error::Error;
use std::io;
use std::net::IpAddr;

/// The numbers of errors that every Unix has had from the beginning.
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// A newer error, with a number of its own on each Unix.
const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    105
} else {
    55
};

/// The resource that this machine lacks, if that is why a request failed. The receiver is not to
/// blame for it.
pub(super) fn lacking(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if let Some(what) = io.and_then(what) {
            return Some(format!("{what} ({error})"));
        }
        next = match io.and_then(io::Error::get_ref) {
            // As a source of another error, it would be skipped.
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

/// The same, of a failure to connect to this address.
pub(super) fn lacking_to(address: IpAddr, error: &io::Error) -> Option<String> {
    // A machine without IPv6 has no address for it either. That is lasting, so it counts as a
    // failure.
    let is_out_of_ports = address.is_ipv4() && error.kind() == io::ErrorKind::AddrNotAvailable;
    if cfg!(unix) && is_out_of_ports {
        return Some(format!("local ports ({error})"));
    }
    lacking(error)
}

fn what(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        _ if !cfg!(unix) => None,
        EMFILE => Some("files that this process may open"),
        ENFILE => Some("files that may be open"),
        ENOMEM => Some("memory"),
        ENOBUFS => Some("buffers of its network"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{IpAddr, io, lacking, lacking_to};

    const EADDRNOTAVAIL: i32 = 99;
    const ECONNREFUSED: i32 = 111;

    #[test]
    fn what_is_lacking_is_found_inside_of_other_errors() {
        for (number, what) in [
            (12, "memory"),
            (23, "files"),
            (24, "files"),
            (105, "buffers"),
        ] {
            let bare = io::Error::from_raw_os_error(number);
            let found = lacking(&bare).unwrap_or_default();
            assert!(found.starts_with(what), "{number}: {found}");
            let wrapped = io::Error::other(io::Error::other(bare));
            assert_eq!(lacking(&wrapped), Some(found));
        }
        assert_eq!(lacking(&io::Error::from_raw_os_error(ECONNREFUSED)), None);
        assert_eq!(lacking(&io::Error::other("no errno")), None);
    }

    #[test]
    fn no_port_is_left_only_where_there_could_be_one() {
        let error = io::Error::from_raw_os_error(EADDRNOTAVAIL);
        let to = |address: &str| {
            let address = address.parse::<IpAddr>();
            address.is_ok_and(|it| lacking_to(it, &error).is_some())
        };
        assert!(to("192.0.2.1"));
        assert!(!to("2001:db8::1"));
        assert_eq!(lacking(&error), None);
    }
}

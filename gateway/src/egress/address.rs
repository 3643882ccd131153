//! Which addresses may be reached: public ones, and what the operator allows. Pure.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Decides over addresses. Cheap to ask.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allow: Vec<IpNet>,
}

/// An address is not public. Says which kind it is and not which address, as its owner may not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it leads to {kind}, and deliveries go to public addresses only (to allow it on this gateway: egress.allow = [\"{range}\"])"
)]
pub struct RefusedAddress {
    /// In words.
    pub kind: &'static str,
    /// The range that it is in; allowing that, or less, would let it pass.
    pub range: IpNet,
}

impl AddressPolicy {
    /// Public addresses and these ranges.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Whether this address may be dialled.
    ///
    /// An address of IPv4 in the clothes of IPv6 (mapped, or by NAT64) is judged as what it is. The metadata addresses
    /// of clouds hand out credentials to whoever asks: a range does not allow them, only they themselves do.
    ///
    /// # Errors
    /// What it is instead of public.
    pub fn check(&self, address: IpAddr) -> Result<(), RefusedAddress> {
        let address = unwrapped(address);
        if let Some(refused) = metadata(address) {
            return if self.allow.contains(&refused.range) {
                Ok(())
            } else {
                Err(refused)
            };
        }
        if self.allow.iter().any(|range| range.contains(&address)) {
            return Ok(());
        }
        match address {
            IpAddr::V4(v4) => check_v4(v4),
            IpAddr::V6(v6) => check_v6(v6),
        }
    }
}

/// The address of IPv4 that an address of IPv6 stands for, where it does.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [.., a, b, c, d] = v6.octets();
    let inner = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    if MAPPED.contains(&v6) || NAT64.contains(&v6) {
        inner
    } else {
        address
    }
}

fn metadata(address: IpAddr) -> Option<RefusedAddress> {
    let found = METADATA.iter().find(|(own, _)| *own == address);
    found.map(|(own, kind)| RefusedAddress {
        kind,
        range: IpNet::from(*own),
    })
}

fn check_v4(address: Ipv4Addr) -> Result<(), RefusedAddress> {
    match V4.iter().find(|(range, _)| range.contains(&address)) {
        Some(&(range, kind)) => Err(RefusedAddress {
            kind,
            range: range.into(),
        }),
        None => Ok(()),
    }
}

fn check_v6(address: Ipv6Addr) -> Result<(), RefusedAddress> {
    if let Some(&(range, kind)) = V6.iter().find(|(range, _)| range.contains(&address)) {
        return Err(RefusedAddress {
            kind,
            range: range.into(),
        });
    }
    if GLOBAL.contains(&address) {
        Ok(())
    } else {
        Err(RefusedAddress {
            kind: "an address outside of the global unicast range of IPv6",
            range: IpNet::from(IpAddr::V6(address)),
        })
    }
}

const METADATA: &[(IpAddr, &str)] = &[
    (
        IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
        "the metadata service of a cloud",
    ),
    (
        IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
        "the platform service of Azure",
    ),
    (
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        "the metadata service of Alibaba Cloud",
    ),
    (
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        "the metadata service of Oracle Cloud",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        "the metadata service of AWS",
    ),
];

const V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this network itself"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "a carrier's shared address"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "an address reserved for protocols"),
    (v4(192, 0, 2, 0, 24), "an address for documentation"),
    (v4(192, 88, 99, 0, 24), "a reserved address"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(198, 18, 0, 0, 15), "an address for benchmarks"),
    (v4(198, 51, 100, 0, 24), "an address for documentation"),
    (v4(203, 0, 113, 0, 24), "an address for documentation"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

/// What is not to be reached within and without the global range.
const V6: &[(Ipv6Net, &str)] = &[
    (v6(0, 0, 0, 0, 127), "a loopback or unspecified address"),
    // Teredo, ORCHID, benchmarks and other protocol assignments.
    (v6(0x2001, 0, 0, 0, 23), "an address reserved for protocols"),
    (v6(0x2001, 0xdb8, 0, 0, 32), "an address for documentation"),
    (v6(0x2002, 0, 0, 0, 16), "a 6to4 address"),
    (v6(0x3fff, 0, 0, 0, 20), "an address for documentation"),
    (v6(0x64, 0xff9b, 1, 0, 48), "an address of local translation"),
    (v6(0xfc00, 0, 0, 0, 7), "a private address"),
    (v6(0xfe80, 0, 0, 0, 10), "a link-local address"),
    (v6(0xff00, 0, 0, 0, 8), "a multicast address"),
];

const GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 0, 3);
/// RFC 6052 §2.1.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96);
/// RFC 4291 §2.5.5.2: `::ffff:0:0/96`.
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(address: &str, allow: &[&str]) -> Result<(), RefusedAddress> {
        let allow = allow
            .iter()
            .map(|range| range.parse().expect("a range"))
            .collect();
        AddressPolicy::new(allow).check(address.parse().expect("an address"))
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "3ffe::1",
            "::ffff:1.1.1.1",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(check(address, &[]), Ok(()), "{address}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002::1",
            "2002:7f00:1::",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(check(address, &[]).is_err(), "{address}");
        }
    }

    #[test]
    fn the_operator_allows_ranges_and_the_refusal_says_how() {
        let refused = check("127.0.0.1", &[]).expect_err("loopback");
        assert!(
            refused.to_string().contains(r#"egress.allow = ["127.0.0.0/8"]"#),
            "{refused}"
        );
        assert_eq!(check("127.0.0.1", &["127.0.0.0/8"]), Ok(()));
        assert_eq!(check("::ffff:127.0.0.1", &["127.0.0.0/8"]), Ok(()));
        assert_eq!(check("fd00::1", &["fd00::/8"]), Ok(()));
        assert!(check("10.0.0.1", &["127.0.0.0/8"]).is_err());
    }

    #[test]
    fn a_range_does_not_allow_metadata() {
        for range in ["169.254.0.0/16", "0.0.0.0/0", "::/0"] {
            assert!(check("169.254.169.254", &[range]).is_err(), "{range}");
        }
        assert!(check("fd00:ec2::254", &["fd00::/8"]).is_err());
        assert_eq!(check("169.254.169.254", &["169.254.169.254/32"]), Ok(()));
    }

    proptest! {
        /// No clothes of IPv6 make an address pass that would not pass by itself.
        #[test]
        fn clothes_change_nothing(bits in any::<u32>()) {
            let policy = AddressPolicy::default();
            let plain = Ipv4Addr::from(bits);
            let expected = policy.check(plain.into());
            prop_assert_eq!(policy.check(plain.to_ipv6_mapped().into()), expected);
            let nat64 = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(policy.check(nat64.into()), expected);
        }

        /// The standard library's own idea of the plain cases agrees.
        #[test]
        fn nothing_local_passes(bits in any::<u32>(), v6 in any::<u128>()) {
            let policy = AddressPolicy::default();
            let v4 = Ipv4Addr::from(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified() {
                prop_assert!(policy.check(v4.into()).is_err());
            }
            let v6 = Ipv6Addr::from(v6);
            if policy.check(v6.into()).is_ok() {
                prop_assert!(v6.segments()[0] >> 13 == 1 || v6.to_ipv4_mapped().is_some());
            }
        }

        /// What the refusal proposes does let the address pass.
        #[test]
        fn the_proposal_helps(bits in any::<u128>(), short in any::<bool>()) {
            let address = if short { IpAddr::from(bits.to_be_bytes()[..4].iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)).to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) };
            if let Err(refused) = AddressPolicy::default().check(address) {
                prop_assert_eq!(AddressPolicy::new(vec![refused.range]).check(address), Ok(()));
            }
        }
    }
}

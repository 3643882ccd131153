//! Address policy: public addresses may be reached, and those that the operator allows. Pure.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its
//! updates).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Policy of reachable addresses. Cheap to check.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allow: Vec<IpNet>,
    nat64: Vec<Ipv6Net>,
}

/// Refusal of an address that is not public.
///
/// For an address that the tenant wrote, the text names its kind. For a name it does not: otherwise
/// a tenant that registers names could explore the operator's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedAddress {
    /// Kind of the address, in words.
    pub kind: &'static str,
    /// Range of the address.
    /// Allowing it, or a smaller one with the address, would permit the address.
    pub range: IpNet,
    /// Set if the address was resolved from a name.
    pub by_name: bool,
}

/// Error: a prefix that no NAT64 translator can have (RFC 6052 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("egress.nat64: {0} is no prefix of a translator; its length is 32, 40, 48, 56, 64 or 96")]
pub struct BadTranslation(pub Ipv6Net);

impl AddressPolicy {
    /// Policy that permits public addresses and these ranges.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self {
            allow,
            nat64: Vec::new(),
        }
    }

    /// Adds the prefixes of NAT64 translators (RFC 6052).
    ///
    /// # Errors
    /// A prefix has an invalid length.
    pub fn translated_by(self, nat64: Vec<Ipv6Net>) -> Result<Self, BadTranslation> {
        let wrong = |net: &&Ipv6Net| embedded(**net, net.addr()).is_none();
        match nat64.iter().find(wrong) {
            Some(wrong) => Err(BadTranslation(*wrong)),
            None => Ok(Self { nat64, ..self }),
        }
    }

    /// Checks that an address may be dialled.
    ///
    /// An IPv6 address that embeds an IPv4 address (mapped, or by NAT64) is checked as that IPv4
    /// address. The metadata addresses of clouds give out credentials to every client: a range does
    /// not allow them, only their exact address does.
    ///
    /// # Errors
    /// Kind and range of the address that is not public.
    pub fn check(&self, address: IpAddr) -> Result<(), RefusedAddress> {
        let address = self.unwrapped(address);
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

    /// Returns the IPv4 address that an IPv6 address embeds; otherwise the address itself.
    pub(super) fn unwrapped(&self, address: IpAddr) -> IpAddr {
        let IpAddr::V6(v6) = address else { return address };
        let known = [MAPPED, NAT64];
        let nets = known.iter().chain(&self.nat64);
        nets.filter(|net| net.contains(&v6))
            .find_map(|net| embedded(*net, v6))
            .map_or(address, IpAddr::V4)
    }
}

/// IPv4 address embedded in an IPv6 address by the prefix's length (RFC 6052 §2.2).
/// Bits 64 to 71 are skipped.
fn embedded(net: Ipv6Net, address: Ipv6Addr) -> Option<Ipv4Addr> {
    let o = address.octets();
    let [a, b, c, d] = match net.prefix_len() {
        32 => [4, 5, 6, 7],
        40 => [5, 6, 7, 9],
        48 => [6, 7, 9, 10],
        56 => [7, 9, 10, 11],
        64 => [9, 10, 11, 12],
        96 => [12, 13, 14, 15],
        _ => return None,
    };
    Some(Ipv4Addr::new(o[a], o[b], o[c], o[d]))
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, range, by_name } = self;
        if *by_name {
            return f.write_str(
                "it does not lead to a public address, and deliveries go to public addresses only (the operator can allow others: egress.allow)",
            );
        }
        write!(
            f,
            "it leads to {kind}, and deliveries go to public addresses only (to allow it on this gateway: egress.allow = [\"{range}\"])"
        )
    }
}

impl std::error::Error for RefusedAddress {}

impl RefusedAddress {
    fn new(kind: &'static str, range: IpNet) -> Self {
        Self {
            kind,
            range,
            by_name: false,
        }
    }
}

fn metadata(address: IpAddr) -> Option<RefusedAddress> {
    let found = METADATA.iter().find(|(own, _)| *own == address);
    found.map(|(own, kind)| RefusedAddress::new(kind, IpNet::from(*own)))
}

fn check_v4(address: Ipv4Addr) -> Result<(), RefusedAddress> {
    match V4.iter().find(|(range, _)| range.contains(&address)) {
        Some(&(range, kind)) => Err(RefusedAddress::new(kind, range.into())),
        None => Ok(()),
    }
}

fn check_v6(address: Ipv6Addr) -> Result<(), RefusedAddress> {
    if let Some(&(range, kind)) = V6.iter().find(|(range, _)| range.contains(&address)) {
        return Err(RefusedAddress::new(kind, range.into()));
    }
    if GLOBAL.contains(&address) {
        Ok(())
    } else {
        let kind = "an address outside of the global unicast range of IPv6";
        Err(RefusedAddress::new(kind, IpNet::from(IpAddr::V6(address))))
    }
}

/// Services that give out credentials or user data to every client. Most clouds have theirs at
/// 169.254.169.254.
const METADATA: &[(IpAddr, &str)] = &[
    (ip4(169, 254, 169, 254), "the metadata service of a cloud"),
    (ip4(169, 254, 170, 2), "the credentials service of AWS ECS"),
    (ip4(169, 254, 170, 23), "the credentials service of AWS EKS"),
    (ip4(168, 63, 129, 16), "the platform service of Azure"),
    (ip4(100, 100, 100, 200), "the metadata service of Alibaba Cloud"),
    (ip4(192, 0, 0, 192), "the metadata service of Oracle Cloud"),
    (ip4(169, 254, 0, 23), "the metadata service of Tencent Cloud"),
    (ip4(169, 254, 42, 42), "the metadata service of Scaleway"),
    (
        ip6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
        "the metadata service of AWS",
    ),
    (
        ip6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]),
        "the credentials service of AWS EKS",
    ),
    (
        ip6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]),
        "the metadata service of Google Cloud",
    ),
    (
        ip6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]),
        "the metadata service of Oracle Cloud",
    ),
    (
        ip6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]),
        "the metadata service of Scaleway",
    ),
    (
        ip6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe]),
        "the metadata service of OpenStack",
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

/// Refused IPv6 ranges, within and without the global one.
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
/// Well-known NAT64 prefix, RFC 6052 §2.1.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96);
/// Prefix of IPv4-mapped addresses, RFC 4291 §2.5.5.2: `::ffff:0:0/96`.
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);

const fn ip4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn ip6(segments: [u16; 8]) -> IpAddr {
    let [a, b, c, d, e, f, g, h] = segments;
    IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
}

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
        for (address, _) in METADATA {
            let (address, alone) = (address.to_string(), IpNet::from(*address).to_string());
            let ranges = ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00::/8", "fe80::/10"];
            assert!(check(&address, &ranges).is_err(), "{address}");
            assert_eq!(check(&address, &[&alone]), Ok(()), "{address}");
        }
    }

    #[test]
    fn nat64_prefixes_of_the_network_are_looked_through() {
        // RFC 6052 §2.4: 192.0.2.33 with each prefix length; here for 10.0.2.33 and 8.8.2.33.
        let policy = |prefix: &str| {
            let policy = AddressPolicy::new(vec!["2001:db8::/32".parse().expect("a range")]);
            policy.translated_by(vec![prefix.parse().expect("a prefix")])
        };
        for (prefix, private, public) in [
            ("2001:db8::/32", "2001:db8:a00:221::", "2001:db8:808:221::"),
            (
                "2001:db8:100::/40",
                "2001:db8:10a:2:21::",
                "2001:db8:108:802:21::",
            ),
            (
                "2001:db8:122::/48",
                "2001:db8:122:a00:2:2100::",
                "2001:db8:122:808:2:2100::",
            ),
            (
                "2001:db8:122:300::/56",
                "2001:db8:122:30a:0:221::",
                "2001:db8:122:308:8:221::",
            ),
            (
                "2001:db8:122:344::/64",
                "2001:db8:122:344:a:2:2100::",
                "2001:db8:122:344:8:802:2100::",
            ),
            (
                "2001:db8:122:344::/96",
                "2001:db8:122:344::a00:221",
                "2001:db8:122:344::808:221",
            ),
            (
                "64:ff9b:1::/48",
                "64:ff9b:1:a00:2:2100::",
                "64:ff9b:1:808:2:2100::",
            ),
        ] {
            let policy = policy(prefix).expect(prefix);
            let refused = policy.check(private.parse().expect("an address"));
            assert_eq!(refused.expect_err(private).kind, "a private address", "{prefix}");
            assert_eq!(
                policy.check(public.parse().expect("an address")),
                Ok(()),
                "{prefix}"
            );
        }
        let metadata = "2001:db8:122:344::a9fe:a9fe".parse().expect("an address");
        let looked_through = policy("2001:db8:122:344::/96").expect("a prefix");
        assert!(looked_through.check(metadata).is_err());
        for prefix in ["2001:db8::/33", "2001:db8::/128", "::/0"] {
            let wrong = policy(prefix).expect_err(prefix);
            assert!(wrong.to_string().contains("96"), "{wrong}");
        }
    }

    #[test]
    fn refusal_of_a_name_does_not_tell_the_kind_of_network() {
        let texts = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "fe80::1"].map(|address| {
            let refused = check(address, &[]).expect_err(address);
            RefusedAddress {
                by_name: true,
                ..refused
            }
            .to_string()
        });
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    }

    proptest! {
        /// Embedding an IPv4 address in IPv6 does not change the verdict.
        #[test]
        fn clothes_change_nothing(bits in any::<u32>()) {
            let policy = AddressPolicy::default();
            let plain = Ipv4Addr::from(bits);
            let expected = policy.check(plain.into());
            prop_assert_eq!(policy.check(plain.to_ipv6_mapped().into()), expected);
            let nat64 = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(policy.check(nat64.into()), expected);
        }

        /// The standard library's classification agrees in the plain cases.
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

        /// Allowing the proposed range permits the address.
        #[test]
        fn the_proposal_helps(bits in any::<u128>(), short in any::<bool>()) {
            let address = if short { IpAddr::from(bits.to_be_bytes()[..4].iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)).to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) };
            if let Err(refused) = AddressPolicy::default().check(address) {
                prop_assert_eq!(AddressPolicy::new(vec![refused.range]).check(address), Ok(()));
            }
        }
    }
}

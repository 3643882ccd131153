//! The names under which confidential and restricted values are usually kept.
//!
//! A name is matched at any depth, whatever its case and style (`lifetimeValue`, `lifetime_value`). A `*` before it stands
//! for anything: `*email` is `billing_email` too, but not `email_verified_at`, so that status and dates survive. Left out on
//! purpose, because they tell who, what state and when, or mean too many things: `name`, `title`, `description`, `message`,
//! `body`, `city`, `country`, `account_number`, `amount`, `price`, `total`, and what ends in `id` or `at` (but for
//! `tax_id` and its like).

use Class::{Confidential, Restricted};

/// How sensitive a value is. To redact a class is to redact the more sensitive ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// For few inside the company: contact details, commercial figures, free text.
    Confidential,
    /// For almost nobody: credentials, compensation, bank and card details, personal identifiers.
    Restricted,
}

impl Class {
    /// The class of a name in the settings.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "confidential" => Some(Self::Confidential),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }

    /// One pattern for all names of the class.
    pub(crate) fn pattern(self) -> &'static str {
        match self {
            Self::Confidential => CONFIDENTIAL,
            Self::Restricted => RESTRICTED,
        }
    }
}

/// What stands before the names in a pattern: any depth, read loosely.
pub(crate) const PATTERN_START: &str = "/**/~";

/// Names that belong together, parted by spaces.
struct Group {
    class: Class,
    names: &'static str,
    /// What each name may also end with; `-` is nothing.
    endings: &'static str,
}

const NOTHING: &str = "-";
const AMOUNTS: &str = "- amount total cents usd eur gbp";
const RATIOS: &str = "percent percentage pct rate ratio perunit";
const RANGES: &str = "rate min max range band grade percent percentage pct";

const GROUPS: &[Group] = &[
    // Personal contact details.
    group(
        Confidential,
        "*email *emails *mailto *phone *phones *telephone *phonenumber *phonenumbers *telephonenumber *mobilenumber \
         *cellnumber *faxnumber *address *addresses *addressline *postcode *postalcode *zipcode *contactdetails \
         *contactinfo mobile tel cell fax whatsapp skype street streetname streetnumber housenumber apartment zip",
        NOTHING,
    ),
    group(
        Confidential,
        "*email *phone *mobile *phonenumber *address *addressline street",
        "1 2 3",
    ),
    // Commercial figures.
    group(
        Confidential,
        "*lifetimevalue *ltv *clv *lifetimespend *lifetimerevenue *cost *costs *costprice *costofgoods *cogs *margin \
         *margins *markup *profit *purchaseprice *wholesaleprice *supplierprice *buyprice *creditlimit",
        AMOUNTS,
    ),
    group(Confidential, "*margin *markup *profit *cost", RATIOS),
    // Free text that people write about people.
    group(
        Confidential,
        "*notes note internalnote customernote privatenote publicnote ordernote staffnote agentnote adminnote usernote \
         buyernote sellernote giftnote callnote notetext notebody *comment *comments *commenttext *commentbody *remark \
         *remarks *memo *freetext *feedback *transcript *transcription *giftmessage *instructions bio biography aboutme",
        NOTHING,
    ),
    // Credentials and secrets.
    group(
        Restricted,
        "*password *passwords *passwd *pwd *passphrase *passcode *passwordhash *passwordsalt *passworddigest *secret \
         *secrets *secretkey *secretvalue *apikey *apikeys *accesskey *accesskeys *accesskeyid *privatekey *signingkey \
         *encryptionkey *masterkey *hmackey *sshkey *licensekey *token *accesstokens *refreshtokens *authtokens \
         *apitokens *credential *credentials authorization *authheader *authorizationheader bearer *cookie *cookies \
         *jwt otp *otpcode *otpsecret *totpseed pin *pincode *securitycode *verificationcode *mfacode *recoverycode \
         *recoverycodes *backupcodes *securityanswer *connectionstring *dsn *resetlink *magiclink",
        NOTHING,
    ),
    // Compensation.
    group(
        Restricted,
        "*salary *salaries *compensation *remuneration *wage *wages *bonus *bonuses *commission *commissions *grosspay \
         *netpay *basepay *severance",
        AMOUNTS,
    ),
    group(
        Restricted,
        "*salary *compensation *pay *bonus *commission",
        RANGES,
    ),
    group(
        Restricted,
        "pay *payroll *hourlyrate *dayrate *stockoptions *equitygrant",
        NOTHING,
    ),
    // Bank and card details.
    group(
        Restricted,
        "*iban *bankaccount *bankaccounts *bankaccountnumber *bankdetails *routingnumber *sortcode *cardnumber *cardno \
         *creditcard *debitcard *cvv *cvv2 *cvc *cardexpiry primaryaccountnumber",
        NOTHING,
    ),
    // What identifies a person for life, and what the law protects specially.
    group(
        Restricted,
        "*ssn *socialsecuritynumber *socialsecurity *nationalid *nationalidnumber *nationalinsurancenumber *passport \
         *passportnumber *passportno *driverslicense *driverlicense *drivinglicence *licensenumber *taxid *taxnumber \
         *taxpayerid *dateofbirth *birthdate *birthday dob *diagnosis *medicalhistory *medicalrecord *medicalrecords \
         *ethnicity *religion *sexualorientation *disability",
        NOTHING,
    ),
];

const fn group(class: Class, names: &'static str, endings: &'static str) -> Group {
    Group {
        class,
        names,
        endings,
    }
}

// Made when the plugin is compiled: a call copies one text, and the gateway knows it again.
static CONFIDENTIAL: &str =
    text_of(&Pattern::<{ Pattern::<0>::of(Confidential).len }>::of(Confidential).bytes);
static RESTRICTED: &str = text_of(&Pattern::<{ Pattern::<0>::of(Restricted).len }>::of(Restricted).bytes);

/// A pattern in the making: as much of it as there is room for, and how long it is.
struct Pattern<const ROOM: usize> {
    bytes: [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Pattern<ROOM> {
    const fn of(class: Class) -> Self {
        let mut pattern = Self {
            bytes: [0; ROOM],
            len: 0,
        };
        pattern.push(PATTERN_START);
        let mut index = 0;
        while index < GROUPS.len() {
            let group = &GROUPS[index];
            if matches!(class, Confidential) || matches!(group.class, Restricted) {
                pattern.push_group(group);
            }
            index += 1;
        }
        pattern
    }

    const fn push_group(&mut self, group: &Group) {
        let mut names = group.names;
        while let Some((name, other_names)) = split_word(names) {
            let mut endings = group.endings;
            while let Some((ending, other_endings)) = split_word(endings) {
                if self.len > PATTERN_START.len() {
                    self.push("|");
                }
                self.push(name);
                if !matches!(ending.as_bytes(), b"-") {
                    self.push(ending);
                }
                endings = other_endings;
            }
            names = other_names;
        }
    }

    const fn push(&mut self, text: &str) {
        let mut index = 0;
        while index < text.len() {
            if self.len < ROOM {
                self.bytes[self.len] = text.as_bytes()[index];
            }
            self.len += 1;
            index += 1;
        }
    }
}

/// The first word of a text, and what comes after it; none at the end.
const fn split_word(text: &str) -> Option<(&str, &str)> {
    let mut end = 0;
    while end < text.len() && text.as_bytes()[end] != b' ' {
        end += 1;
    }
    let (word, rest) = text.split_at(end);
    match rest.split_at_checked(1) {
        Some((_, rest)) => Some((word, rest)),
        None if word.is_empty() => None,
        None => Some((word, "")),
    }
}

const fn text_of(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_the_gateway_reads_them_and_none_twice() {
        for class in [Confidential, Restricted] {
            let mut names: Vec<&str> = class
                .pattern()
                .strip_prefix(PATTERN_START)
                .expect("its start")
                .split('|')
                .collect();
            for name in &names {
                let letters = name.strip_prefix('*').unwrap_or(name);
                assert!(
                    letters
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                    "{name}"
                );
                assert!(!letters.ends_with("at"), "{name} would take dates out");
            }
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "a name stands twice");
        }
    }

    #[test]
    fn what_is_confidential_includes_what_is_restricted() {
        let confidential: Vec<&str> = Confidential.pattern().split(['|', '~']).collect();
        let mut restricted = Restricted.pattern().split(['|', '~']);
        assert!(restricted.all(|name| confidential.contains(&name)));
        assert!(Confidential.pattern().contains("*email|") && !Restricted.pattern().contains("email"));
    }
}

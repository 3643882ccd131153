//! Dictionary of common names of confidential and restricted values.
//!
//! A name is matched at any depth, in any case and style (`lifetimeValue`, `lifetime_value`). A `*`
//! before it matches any prefix: `*email` matches `billing_email` too. A `*` behind it matches
//! further words: `email*` matches `email_old` and `email2`, but not `email_verified_at`, so that
//! status and dates survive. (The gateway defines the words that make a key describe a property of
//! a value: docs/plugins.md has the rule.) Names that identify, state a status or a time, or have
//! too many meanings are omitted on purpose: `name`, `title`, `description`, `message`, `body`,
//! `city`, `country`, `account_number`, `amount`, `price`, `total`, and names that end in `id` or
//! `at` (except `tax_id` and similar ones).

use Class::{Confidential, Restricted};

/// Sensitivity of a value. Redacting a class redacts the more sensitive classes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// For few people inside the company: contact details, commercial figures, free text.
    Confidential,
    /// For the fewest people: credentials, compensation, bank and card details, personal
    /// identifiers.
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

/// Prefix of a pattern before its names: any depth, matched loosely.
pub(crate) const PATTERN_START: &str = "/**/~";

/// Names of one kind, separated by spaces.
struct Group {
    class: Class,
    names: &'static str,
    /// Endings that each name may have, written without a separator; `-` is the empty ending.
    endings: &'static str,
    /// Allows further words behind each name.
    more: bool,
}

const NOTHING: &str = "-";
const AMOUNTS: &str = "- amount total cents usd eur gbp";
const RATIOS: &str = "percent percentage pct rate ratio perunit";
const RANGES: &str = "rate min max range band grade percent percentage pct";

const GROUPS: &[Group] = &[
    // Personal contact details, and locations of persons.
    with_more(
        Confidential,
        "*email *emails *emailaddr *mailto mail mailbox *phone *phones *telephone *phonenumber *phonenumbers *telephonenumber \
         *mobilenumber *cellnumber *faxnumber *contactnumber *address *addresses *addr *addressline *postcode *postalcode \
         *zipcode *contactdetails *contactinfo mobileno mobilephone cellphone tel telno telnr fax whatsapp skype landline \
         msisdn street streetname streetnumber housenumber apartment plz postal pobox gps *gpscoordinates *geolocation \
         latitude longitude *clientip *remoteip *sourceip",
        NOTHING,
    ),
    group(Confidential, "mobile cell zip zip4 ip ipv4 ipv6", NOTHING),
    group(
        Confidential,
        "*email *phone *mobile *phonenumber *address *addressline street",
        "1 2 3",
    ),
    // Commercial figures.
    with_more(
        Confidential,
        "*lifetimevalue *ltv *clv *lifetimespend *lifetimerevenue *cost *costs *costprice *costofgoods *cogs *margin \
         *margins *markup *profit *profits *purchaseprice *wholesaleprice *supplierprice *buyprice *creditlimit",
        AMOUNTS,
    ),
    group(Confidential, "*margin *markup *profit *cost", RATIOS),
    // Free text that people write about people.
    with_more(
        Confidential,
        "*notes note internalnote customernote privatenote publicnote ordernote staffnote agentnote adminnote usernote \
         buyernote sellernote giftnote callnote statusnote reviewnote casenote deliverynote notetext notebody *comment *comments \
         *commenttext *commentbody *remark *remarks *memo *memos *freetext *feedback *transcript *transcription *giftmessage \
         *instructions *annotation *annotations observation observations bio biography aboutme",
        NOTHING,
    ),
    // Credentials and secrets.
    with_more(
        Restricted,
        "*password *passwords *passwd *pwd *passphrase *passcode *passwordhash *passwordsalt *passworddigest *secret \
         *secrets *secretkey *secretvalue *apikey *apikeys *accesskey *accesskeys *privatekey *signingkey *encryptionkey \
         *masterkey *hmackey *sshkey *licensekey *token *accesstokens *refreshtokens *authtokens *apitokens *credential \
         *credentials authorization *authheader *authorizationheader bearer *cookie *cookies *jwt *otpsecret *totpseed \
         *securityanswer *connectionstring *dsn",
        NOTHING,
    ),
    group(
        Restricted,
        "pass *accesskeyid tokens otp *otpcode pin *pincode *securitycode *verificationcode *mfacode *emailcode *smscode \
         *logincode *onetimecode *resetcode *recoverycode *recoverycodes *backupcodes *resetlink *reseturl *magiclink \
         session sessionid *sessionkey *sessioncookie",
        NOTHING,
    ),
    // Compensation.
    with_more(
        Restricted,
        "*salary *salaries *compensation *remuneration *wage *wages *bonus *bonuses *commission *commissions *grosspay \
         *netpay *basepay *severance stipend *earnings",
        AMOUNTS,
    ),
    group(
        Restricted,
        "*salary *compensation *pay *bonus *commission",
        RANGES,
    ),
    group(
        Restricted,
        "pay income *annualincome *grossincome *netincome ctc",
        NOTHING,
    ),
    with_more(
        Restricted,
        "*payroll *hourlyrate *dayrate *stockoptions *equitygrant",
        NOTHING,
    ),
    // Bank and card details.
    with_more(
        Restricted,
        "*iban bic *biccode *swiftcode *bankaccount *bankaccounts *bankaccountnumber *bankdetails *routingnumber *sortcode \
         *cardnumber *cardno *cardcode *cardlast *creditcard *debitcard *cvv *cvv2 *cvc primaryaccountnumber pan *pannumber",
        NOTHING,
    ),
    group(Restricted, "*cardexpiry *cardlast4 *cardlastfour", NOTHING),
    // Lifelong identifiers of a person, and data under special legal protection.
    with_more(
        Restricted,
        "*ssn *socialsecuritynumber *socialsecurity *nationalidnumber *nationalinsurancenumber nino *passport *passportnumber \
         *passportno *driverslicense *driverlicense *drivinglicence *licensenumber *taxnumber *vatnumber *dateofbirth *birthdate \
         *birthday dob *diagnosis *medicalhistory *medicalrecord *medicalrecords *ethnicity *religion *sexualorientation \
         *disability",
        NOTHING,
    ),
    group(
        Restricted,
        "*nationalid *taxid *vatid *taxpayerid *passportid",
        NOTHING,
    ),
];

const fn group(class: Class, names: &'static str, endings: &'static str) -> Group {
    Group {
        class,
        names,
        endings,
        more: false,
    }
}

const fn with_more(class: Class, names: &'static str, endings: &'static str) -> Group {
    Group {
        class,
        names,
        endings,
        more: true,
    }
}

// Built at compile time: a call copies one text, and the gateway recognises it.
static CONFIDENTIAL: &str =
    text_of(&Pattern::<{ Pattern::<0>::of(Confidential).len }>::of(Confidential).bytes);
static RESTRICTED: &str = text_of(&Pattern::<{ Pattern::<0>::of(Restricted).len }>::of(Restricted).bytes);

/// A pattern under construction: the part that fits into `ROOM` bytes, and the length of the whole.
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
                if group.more {
                    self.push("*");
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

/// The first word of a text and the rest; `None` at the end.
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
                let letters = letters.strip_suffix('*').unwrap_or(letters);
                assert!(
                    letters
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                    "{name}"
                );
                assert!(!letters.ends_with("at"), "{name} would take dates out");
            }
            for name in &mut names {
                *name = name.strip_suffix('*').unwrap_or(name);
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
        assert!(Confidential.pattern().contains("*email*|") && !Restricted.pattern().contains("|*email*"));
    }
}

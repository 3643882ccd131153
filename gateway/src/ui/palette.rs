//! Colours of the pages, and the contrasts that WCAG AA asks of them.
//!
//! The built-in colours are those of the pages' own stylesheet. A configured theme sets some of them; those that the pages
//! need besides are mixed from these.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^#[0-9A-Fa-f]{6}$", "examples" = ["#4f46e5"]))]
pub struct Colour([u8; 3]);

/// Text that is no colour.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no colour: six hexadecimal digits after `#` are needed, such as `#4f46e5`")]
pub struct NoColour(String);

/// Colours of the portal in light or in dark. What is left out keeps the built-in colour, or is mixed from those that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Colours {
    /// Background of the pages.
    pub ground: Option<Colour>,
    /// Background of the navigation.
    pub side: Option<Colour>,
    /// Background of tables, cards and fields.
    pub raised: Option<Colour>,
    /// Lines around tables and cards.
    pub line: Option<Colour>,
    /// Text.
    pub text: Option<Colour>,
    /// Text of less weight.
    pub muted: Option<Colour>,
    /// Links, primary buttons and the focus.
    pub accent: Option<Colour>,
    /// Text on primary buttons.
    pub on_accent: Option<Colour>,
    /// Success.
    pub good: Option<Colour>,
    /// Warnings.
    pub warn: Option<Colour>,
    /// Failures.
    pub bad: Option<Colour>,
    /// Work in progress.
    pub info: Option<Colour>,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

/// All colours of the pages in one mode, by the names of the stylesheet's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette(BTreeMap<String, Colour>);

/// Pair of colours with too little contrast.
#[derive(Debug, Clone, PartialEq)]
pub struct LowContrast {
    front: (String, Colour),
    back: (String, Colour),
    ratio: f64,
    least: f64,
}

impl Colour {
    /// Relative luminance, 0 to 1 (WCAG 2.2, "relative luminance").
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Mixes so many percent of another colour in.
    fn mixed(self, other: Self, percent: u32) -> Self {
        let mix = |n: usize| {
            let (own, other) = (u32::from(self.0[n]), u32::from(other.0[n]));
            u8::try_from((own * (100 - percent) + other * percent + 50) / 100).unwrap_or(u8::MAX)
        };
        Self([mix(0), mix(1), mix(2)])
    }
}

impl FromStr for Colour {
    type Err = NoColour;

    fn from_str(text: &str) -> Result<Self, NoColour> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let mut parts = [0; 3];
        let read = digits.map(|digits| hex::decode_to_slice(digits, &mut parts));
        match read {
            Some(Ok(())) => Ok(Self(parts)),
            _ => Err(NoColour(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Colour {
    type Error = NoColour;

    fn try_from(text: String) -> Result<Self, NoColour> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colours {
    /// The colours that are set, by the names of the stylesheet's properties.
    fn set(&self) -> impl Iterator<Item = (&'static str, Colour)> {
        [
            ("ground", self.ground),
            ("side", self.side),
            ("raised", self.raised),
            ("line", self.line),
            ("text", self.text),
            ("muted", self.muted),
            ("accent", self.accent),
            ("on-accent", self.on_accent),
            ("good", self.good),
            ("warn", self.warn),
            ("bad", self.bad),
            ("info", self.info),
        ]
        .into_iter()
        .filter_map(|(name, colour)| Some((name, colour?)))
    }
}

impl Palette {
    /// Built-in colours of a mode.
    fn built_in(mode: Mode) -> Self {
        let begin = match mode {
            Mode::Light => ":root {",
            Mode::Dark => ":root[data-theme='dark'] {",
        };
        let rule = TOKENS.split_once(begin).map_or("", |(_, rest)| rest);
        let rule = rule.split('}').next().unwrap_or_default();
        let colours = rule.lines().filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
            let colour = value.trim().trim_end_matches(';').parse().ok()?;
            Some((name.to_owned(), colour))
        });
        Self(colours.collect())
    }

    /// Colours of a mode with those that are set.
    pub fn of(mode: Mode, colours: &Colours) -> Self {
        let mut all = Self::built_in(mode);
        let set: BTreeMap<_, _> = colours.set().collect();
        for (name, colour) in &set {
            all.0.insert((*name).to_owned(), *colour);
        }
        for &(name, from, (base, other, percent)) in MIXED {
            let (Some(base), Some(other)) = (all.get(base), all.get(other)) else {
                continue;
            };
            if from.iter().any(|name| set.contains_key(name)) {
                all.0.insert(name.to_owned(), base.mixed(other, percent));
            }
        }
        all
    }

    fn get(&self, name: &str) -> Option<Colour> {
        self.0.get(name).copied()
    }

    /// Pairs with less contrast than WCAG AA asks for: 4.5 of texts, 3 of lines and marks that carry meaning. Of each text or
    /// mark, the worst pair.
    pub fn low_contrasts(&self) -> Vec<LowContrast> {
        let texts = PAIRS.iter().flat_map(|(fronts, backs)| pairs(fronts, backs, 4.5));
        let marks = pairs(MARKS, &["raised"], 3.0).chain(pairs(&["line-strong"], &["ground"], 3.0));
        let found = texts.chain(marks).filter_map(|(front, back, least)| {
            let (one, two) = (self.get(front)?, self.get(back)?);
            let ratio = one.contrast(two);
            (ratio < least).then(|| LowContrast {
                front: (front.to_owned(), one),
                back: (back.to_owned(), two),
                ratio,
                least,
            })
        });
        let mut worst: Vec<LowContrast> = Vec::new();
        for low in found {
            match worst.iter_mut().find(|known| known.front == low.front) {
                Some(known) if known.ratio <= low.ratio => {}
                Some(known) => *known = low,
                None => worst.push(low),
            }
        }
        worst
    }

    /// Declarations of the colours that are not the built-in ones.
    pub fn declarations(&self, mode: Mode) -> String {
        let built_in = Self::built_in(mode);
        let own = self
            .0
            .iter()
            .filter(|(name, colour)| built_in.get(name) != Some(**colour));
        own.map(|(name, colour)| format!("--{name}:{colour};")).collect()
    }
}

impl fmt::Display for LowContrast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            front,
            back,
            ratio,
            least,
        } = self;
        // Rounded down: 4.499 is not 4.5.
        let ratio = (ratio * 100.0).floor() / 100.0;
        let name = |property: &str| property.replace('-', "_");
        write!(
            f,
            "{} ({}) on {} ({}) has a contrast of {ratio}, and WCAG AA asks for {least}",
            name(&front.0),
            front.1,
            name(&back.0),
            back.1
        )
    }
}

fn pairs<'a>(
    fronts: &'a [&'a str],
    backs: &'a [&'a str],
    least: f64,
) -> impl Iterator<Item = (&'a str, &'a str, f64)> {
    let fronts = fronts.iter();
    fronts.flat_map(move |front| backs.iter().map(move |back| (*front, *back, least)))
}

/// Stylesheet of the pages with the built-in colours.
const TOKENS: &str = include_str!("../../ui/src/styles/tokens.css");

/// Texts and the backgrounds on which they are.
const PAIRS: &[(&[&str], &[&str])] = &[
    (
        &[
            "text", "muted", "faint", "accent", "good", "warn", "bad", "info", "plain",
        ],
        &["ground", "side", "raised", "sunken", "hover"],
    ),
    (&["on-accent"], &["accent", "accent-hover"]),
    (&["text", "accent"], &["accent-soft", "plain-soft"]),
    (&["muted", "plain"], &["plain-soft"]),
    (&["good"], &["good-soft"]),
    (&["warn"], &["warn-soft"]),
    (&["bad"], &["bad-soft"]),
    (&["info"], &["info-soft"]),
    (&["ground"], &["bad"]),
];

/// Marks of charts, on cards.
const MARKS: &[&str] = &[
    "chart-accent",
    "chart-good",
    "chart-bad",
    "chart-warn",
    "chart-plain",
];

/// Colour that is mixed if one of some colours is set: its name, theirs, and the two that are mixed, with so many percent of the
/// second.
type Mixed = (
    &'static str,
    &'static [&'static str],
    (&'static str, &'static str, u32),
);

/// Colours that are mixed from others.
const MIXED: &[Mixed] = &[
    ("sunken", &["ground", "raised", "text"], ("raised", "text", 4)),
    ("hover", &["raised", "text"], ("raised", "text", 3)),
    (
        "faint",
        &["muted", "ground", "side", "raised"],
        ("muted", "muted", 0),
    ),
    ("plain", &["muted", "ground", "raised"], ("muted", "muted", 0)),
    ("line-strong", &["ground", "text", "line"], ("ground", "text", 60)),
    ("accent-hover", &["accent"], ("accent", "text", 15)),
    ("accent-soft", &["accent", "raised"], ("raised", "accent", 10)),
    ("good-soft", &["good", "raised"], ("raised", "good", 10)),
    ("warn-soft", &["warn", "raised"], ("raised", "warn", 10)),
    ("bad-soft", &["bad", "raised"], ("raised", "bad", 10)),
    ("info-soft", &["info", "raised"], ("raised", "info", 10)),
    ("plain-soft", &["ground", "raised", "text"], ("raised", "text", 7)),
    ("chart-accent", &["accent"], ("accent", "accent", 0)),
    ("chart-good", &["good"], ("good", "good", 0)),
    ("chart-bad", &["bad"], ("bad", "bad", 0)),
    ("chart-warn", &["warn"], ("warn", "warn", 0)),
    (
        "chart-plain",
        &["ground", "text", "line", "raised"],
        ("line-strong", "line-strong", 0),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        for (one, two, expected) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#ff0000", "#0000ff", 2.15),
        ] {
            let found = colour(one).contrast(colour(two));
            assert!((found - expected).abs() < 0.01, "{one} on {two}: {found}");
        }
        assert_eq!(colour("#000000").mixed(colour("#ffffff"), 50), colour("#808080"));
    }

    #[test]
    fn built_in_colours_have_enough_contrast() {
        for mode in [Mode::Light, Mode::Dark] {
            let palette = Palette::of(mode, &Colours::default());
            assert_eq!(palette.low_contrasts(), [], "{mode:?}");
            assert_eq!(palette.declarations(mode), "");
            let names = PAIRS.iter().flat_map(|(one, two)| one.iter().chain(*two));
            let mixed = MIXED.iter().map(|(name, ..)| name);
            for name in names.chain(MARKS).chain(mixed) {
                assert!(palette.get(name).is_some(), "{mode:?} has no {name}");
            }
        }
    }

    #[test]
    fn low_contrast_names_pair_and_ratio() {
        let colours = Colours {
            accent: Some(colour("#7dd3fc")),
            ..Colours::default()
        };
        let found = Palette::of(Mode::Light, &colours).low_contrasts();
        let told: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "accent (#7dd3fc) on plain_soft (#eff0f4) has a contrast of 1.46, and WCAG AA asks for 4.5",
            "on_accent (#ffffff) on accent (#7dd3fc) has a contrast of 1.66, and WCAG AA asks for 4.5",
            "chart_accent (#7dd3fc) on raised (#ffffff) has a contrast of 1.66, and WCAG AA asks for 3",
        ];
        assert_eq!(told, expected);
        // The same colour is good on a dark ground.
        assert_eq!(Palette::of(Mode::Dark, &colours).low_contrasts(), []);
    }

    #[test]
    fn a_theme_of_few_colours_has_the_others_mixed() {
        let colours = Colours {
            ground: Some(colour("#fffbf5")),
            raised: Some(colour("#fffdfa")),
            accent: Some(colour("#b3123f")),
            ..Colours::default()
        };
        let palette = Palette::of(Mode::Light, &colours);
        assert_eq!(palette.low_contrasts(), []);
        let css = palette.declarations(Mode::Light);
        for part in ["--ground:#fffbf5;", "--accent-soft:", "--chart-accent:#b3123f;"] {
            assert!(css.contains(part), "{css}");
        }
        assert!(!css.contains("--good:"), "{css}");
        assert!(
            ["", "#fff", "red", "#12345g", "123456", "#1234567"]
                .iter()
                .all(|text| text.parse::<Colour>().is_err())
        );
    }
}
